/* SPDX-License-Identifier: BSD-3-Clause */
/* Documents built in memory: they survive formatting and parsing field by
 * field, and a text that XML cannot hold is refused and not written. */

#include <config.h>

#include "common/cleanup.h"
#include "controller/formats/formats.h"
#include "tests/formats/check.h"

static bool
same_text (const char *left, const char *right)
{
  return left && right ? strcmp (left, right) == 0 : left == right;
}

static void
same_checkpoint (const struct checkpoint *left, const struct checkpoint *right)
{
  CHECK (same_text (left->name, right->name));
  CHECK (same_text (left->description, right->description));
  CHECK (same_text (left->parent, right->parent));
  CHECK (left->creation_time == right->creation_time);
  CHECK (same_text (left->domain_name, right->domain_name));
  CHECK (same_text (left->domain_uuid, right->domain_uuid));
  CHECK (left->nr_disks == right->nr_disks);
  for (size_t i = 0; i < left->nr_disks; i++) {
    CHECK (same_text (left->disks[i].name, right->disks[i].name));
    CHECK (left->disks[i].included == right->disks[i].included);
    CHECK (same_text (left->disks[i].bitmap, right->disks[i].bitmap));
    CHECK (left->disks[i].size == right->disks[i].size);
  }
}

static void
same_backup_disk (const struct backup_disk *left,
                  const struct backup_disk *right)
{
  CHECK (same_text (left->name, right->name));
  CHECK (left->included == right->included);
  CHECK (left->disk_mode == right->disk_mode);
  CHECK (same_text (left->incremental, right->incremental));
  CHECK (same_text (left->export_name, right->export_name));
  CHECK (same_text (left->export_bitmap, right->export_bitmap));
  CHECK (same_text (left->scratch, right->scratch));
  CHECK (left->scratch_is_device == right->scratch_is_device);
  CHECK (same_text (left->target, right->target));
  CHECK (left->target_is_device == right->target_is_device);
  CHECK (same_text (left->driver, right->driver));
  CHECK (left->index == right->index);
}

static void
same_backup (const struct backup *left, const struct backup *right)
{
  CHECK (left->mode == right->mode);
  CHECK (same_text (left->incremental, right->incremental));
  CHECK (left->server_given == right->server_given);
  CHECK (left->transport == right->transport);
  CHECK (same_text (left->socket, right->socket));
  CHECK (same_text (left->host, right->host));
  CHECK (left->port == right->port && left->tls == right->tls);
  CHECK (left->nr_disks == right->nr_disks);
  for (size_t i = 0; i < left->nr_disks; i++)
    same_backup_disk (&left->disks[i], &right->disks[i]);
}

static void
checkpoint_round_trip (const struct checkpoint *checkpoint)
{
  CLEANUP_FREE char *xml = checkpoint_format (checkpoint);
  CLEANUP_CHECKPOINT struct checkpoint *again = NULL;

  CHECK (xml);
  again = checkpoint_parse (xml, strlen (xml));
  CHECK (again);
  same_checkpoint (checkpoint, again);
}

static void
backup_round_trip (const struct backup *backup)
{
  CLEANUP_FREE char *xml = backup_format (backup);
  CLEANUP_BACKUP struct backup *again = NULL;

  CHECK (xml);
  again = backup_parse (xml, strlen (xml));
  CHECK (again);
  same_backup (backup, again);
}

static void
test_checkpoint (void)
{
  struct checkpoint_disk disks[] = {
    { .name = (char *) "vd'\"<&>", .included = true, .size = 0 },
    { .name = (char *) "vdb",
      .included = true,
      .size = INT64_MAX,
      .bitmap = (char *) " b " },
    { .name = (char *) "vdc", .included = false, .size = -1 },
    { .name = (char *) "/a\xc3\xbc/b@", .included = true, .size = -1 },
  };
  struct checkpoint checkpoint = { 0 };

  checkpoint_round_trip (&checkpoint);
  checkpoint.name = (char *) "\xf0\x9f\x92\xbe & ]]> &amp; 'x'";
  checkpoint.description = (char *) " a\r\nb\rc\td\n<!-- no --> ";
  checkpoint.parent = (char *) " ";
  checkpoint.creation_time = INT64_MAX;
  checkpoint.domain_name = (char *) "web";
  checkpoint.disks = disks;
  checkpoint.nr_disks = 4;
  checkpoint_round_trip (&checkpoint);
  checkpoint.domain_uuid = (char *) "93a5c045-6457-2c09-e56c-927cdf34e178";
  checkpoint_round_trip (&checkpoint);
}

static void
test_texts (void)
{
  static const char *const impossible[] = { "a\x01 b", "\x1b[31m", "\xff",
                                            "\xed\xa0\x80", "\xef\xbf\xbf" };
  struct checkpoint checkpoint = { .name = (char *) "a" };
  CLEANUP_FREE char *long_text = malloc (FORMATS_MAX_LENGTH + 1);

  for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
    checkpoint.description = (char *) impossible[i];
    error_clear ();
    CHECK (!checkpoint_format (&checkpoint));
    CHECK_ERROR (ERROR_INVALID, "not UTF-8 or has a control character");
  }
  CHECK (long_text);
  memset (long_text, 'x', FORMATS_MAX_LENGTH);
  long_text[FORMATS_MAX_LENGTH] = '\0';
  checkpoint.description = long_text;
  CHECK (!checkpoint_format (&checkpoint));
  CHECK_ERROR (ERROR_INVALID, "at most 1048576");
}

static void
test_backup (void)
{
  struct backup_disk disks[] = {
    { .name = (char *) "vda", .included = true },
    { .name = (char *) "vdb",
      .included = true,
      .disk_mode = DISK_INCREMENTAL,
      .incremental = (char *) "a'b",
      .export_name = (char *) "e\"x",
      .export_bitmap = (char *) "c&d",
      .scratch = (char *) "/dev/x y",
      .scratch_is_device = true,
      .driver = (char *) "qcow2",
      .index = 4294967295 },
    { .name = (char *) "vdc", .included = false },
    { .name = (char *) "vdd", .included = true, .disk_mode = DISK_FULL },
  };
  struct backup backup = { .mode = BACKUP_PULL };

  backup_round_trip (&backup);
  backup.incremental = (char *) "monday";
  backup.disks = disks;
  backup.nr_disks = 4;
  backup.server_given = true;
  backup.transport = SERVER_UNIX;
  backup.socket = (char *) "/run/'x'";
  backup_round_trip (&backup);
  backup.transport = SERVER_TCP;
  backup.socket = NULL;
  backup.host = (char *) "::1";
  backup.port = 65535;
  backup.tls = true;
  backup_round_trip (&backup);
}

static void
test_push (void)
{
  struct backup_disk disks[] = {
    { .name = (char *) "vda",
      .included = true,
      .target = (char *) "/t&t",
      .driver = (char *) "raw" },
    { .name = (char *) "vdb",
      .included = true,
      .target = (char *) "/dev/t",
      .target_is_device = true },
    { .name = (char *) "vdc",
      .included = true,
      .network = &(struct backup_network){ .export_name = (char *) "e&",
                                           .transport = SERVER_TCP,
                                           .host = (char *) "::1",
                                           .port = 1 } },
  };
  struct backup backup = { .mode = BACKUP_PUSH };

  backup_round_trip (&backup);
  backup.disks = disks;
  backup.nr_disks = 3;
  backup_round_trip (&backup);
}

int
main (void)
{
  test_checkpoint ();
  test_texts ();
  test_backup ();
  test_push ();
  return 0;
}
