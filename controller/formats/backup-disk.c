/* SPDX-License-Identifier: BSD-3-Clause */
/* The disks of the document domainbackup. */

#include <config.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/formats/backup-reader.h"
#include "controller/formats/values.h"

void
backup_disk_clear (struct backup_disk *disk)
{
  free (disk->name);
  free (disk->incremental);
  free (disk->export_name);
  free (disk->export_bitmap);
  free (disk->scratch);
  free (disk->target);
  free (disk->driver);
  backup_network_free (disk->network);
}

struct backup_disk *
backup_last_disk (void *opaque)
{
  struct backup *backup = backup_of (opaque);

  return &backup->disks[backup->nr_disks - 1];
}

static int
only_for_pull (void *opaque)
{
  return only_for_mode (opaque, BACKUP_PULL);
}

static int
only_for_push (void *opaque)
{
  return only_for_mode (opaque, BACKUP_PUSH);
}

static int
begin_disk (void *opaque)
{
  struct backup_reader *reader = opaque;
  struct backup *backup = reader->backup;
  struct backup_disk *disks;

  if (backup->nr_disks == FORMATS_MAX_DISKS)
    return fail (ERROR_INVALID, "there are more than %d disks",
                 FORMATS_MAX_DISKS);
  disks = reallocarray (backup->disks, backup->nr_disks + 1, sizeof *disks);
  if (!disks)
    return fail_errno (ERROR_SYSTEM, "cannot add a disk");
  backup->disks = disks;
  disks[backup->nr_disks++] = (struct backup_disk){ .included = true };
  reader->type = TYPE_NOT_SAID;
  return 0;
}

static int
store_disk_name (void *opaque, const char *value)
{
  /* The path of its image, as the proposal of 2018 has it, and checkpoints. */
  if (value[0] == '/')
    return store_path (&backup_last_disk (opaque)->name, value);
  return store_name (&backup_last_disk (opaque)->name, "disk", value);
}

static int
store_disk_type (void *opaque, const char *value)
{
  static const char *const choices[] = { "file", "block", "network", NULL };
  static const enum storage_type types[] = { TYPE_FILE, TYPE_BLOCK,
                                             TYPE_NETWORK };
  struct backup_reader *reader = opaque;
  int choice = xml_choice (value, choices);

  if (choice < 0)
    return -1;
  reader->type = types[choice];
  return 0;
}

static int
store_disk_backup (void *opaque, const char *value)
{
  /* The last three are how far a disk was, in the proposal of 2018. */
  static const char *const choices[] = { "no",         "yes",   "begin",
                                         "inprogress", "ready", NULL };
  int choice = xml_choice (value, choices);

  if (choice < 0)
    return -1;
  backup_last_disk (opaque)->included = choice > 0;
  return 0;
}

static int
store_disk_mode (void *opaque, const char *value)
{
  static const char *const choices[] = { "full", "incremental", NULL };
  int choice = xml_choice (value, choices);

  if (choice < 0)
    return -1;
  backup_last_disk (opaque)->disk_mode = choice ? DISK_INCREMENTAL : DISK_FULL;
  return 0;
}

static int
store_disk_incremental (void *opaque, const char *value)
{
  return store_name (&backup_last_disk (opaque)->incremental, "checkpoint",
                     value);
}

static int
store_export_name (void *opaque, const char *value)
{
  if (only_for_pull (opaque) < 0)
    return -1;
  return store_name (&backup_last_disk (opaque)->export_name, "export", value);
}

static int
store_export_bitmap (void *opaque, const char *value)
{
  if (only_for_pull (opaque) < 0)
    return -1;
  return store_name (&backup_last_disk (opaque)->export_bitmap, "bitmap",
                     value);
}

static int
store_index (void *opaque, const char *value)
{
  uint64_t index;

  if (xml_store_number (&index, value, UINT_MAX) < 0)
    return -1;
  backup_last_disk (opaque)->index = index;
  return 0;
}

static int
store_storage (char **where, const char *value)
{
  if (*where)
    return fail (ERROR_INVALID, "expected either 'file' or 'dev', not both");
  return store_path (where, value);
}

static int
store_scratch_file (void *opaque, const char *value)
{
  return store_storage (&backup_last_disk (opaque)->scratch, value);
}

static int
store_scratch_device (void *opaque, const char *value)
{
  backup_last_disk (opaque)->scratch_is_device = true;
  return store_scratch_file (opaque, value);
}

static int
store_target_file (void *opaque, const char *value)
{
  return store_storage (&backup_last_disk (opaque)->target, value);
}

static int
store_target_device (void *opaque, const char *value)
{
  backup_last_disk (opaque)->target_is_device = true;
  return store_target_file (opaque, value);
}

static int
store_driver (void *opaque, const char *value)
{
  static const char *const choices[] = { "qcow2", "raw", NULL };

  if (xml_choice (value, choices) < 0)
    return -1;
  if (strcmp (value, "raw") == 0 && only_for_push (opaque) < 0)
    return -1;
  return xml_store_text (&backup_last_disk (opaque)->driver, value);
}

/* The file or device agrees with type=. */
static int
check_storage (const struct backup_reader *reader,
               const struct backup_disk *disk)
{
  const char *element =
      reader->backup->mode == BACKUP_PULL ? "scratch" : "target";
  const char *path = disk->scratch ? disk->scratch : disk->target;
  bool is_device = disk->scratch_is_device || disk->target_is_device;

  if (reader->type == TYPE_NETWORK || disk->network)
    return backup_network_check (reader, disk);
  if (reader->type == TYPE_BLOCK && !(path && is_device))
    return fail (ERROR_INVALID,
                 "disk '%s' has type='block'; expected <%s dev=", disk->name,
                 element);
  if (reader->type != TYPE_BLOCK && path && is_device)
    return fail (ERROR_INVALID,
                 "disk '%s' has <%s dev=; expected type='block' with it",
                 disk->name, element);
  return 0;
}

/* Nothing is left of a disk that takes no part but its name. */
static int
end_excluded_disk (const struct backup_reader *reader, struct backup_disk *disk)
{
  char *name;

  if (reader->type != TYPE_NOT_SAID || disk->scratch || disk->target ||
      disk->network || disk->driver)
    return fail (ERROR_INVALID,
                 "disk '%s' has backup='no' and yet a place to be stored; "
                 "leave one out",
                 disk->name);
  name = STEAL (disk->name);
  backup_disk_clear (disk);
  *disk = (struct backup_disk){ .name = name };
  return 0;
}

static int
end_disk (void *opaque)
{
  const struct backup_reader *reader = opaque;
  struct backup_disk *disk = backup_last_disk (opaque);

  if (disk->disk_mode == DISK_FULL && disk->incremental)
    return fail (ERROR_INVALID,
                 "disk '%s' has backupmode='full' and yet incremental='%s'; "
                 "leave one out",
                 disk->name, disk->incremental);
  if (!disk->included)
    return end_excluded_disk (reader, disk);
  if (reader->backup->mode == BACKUP_PULL && disk->driver && !disk->scratch)
    return fail (ERROR_INVALID,
                 "disk '%s' has a <driver>, but no <scratch> that it is for",
                 disk->name);
  return check_storage (reader, disk);
}

int
backup_disks_end (void *opaque)
{
  const struct backup *backup = backup_of (opaque);
  const struct named_list list = { backup->disks, backup->nr_disks,
                                   sizeof backup->disks[0] };

  if (backup->nr_disks == 0)
    return fail (ERROR_INVALID,
                 "lists no <disk>; leave <disks> out to mean all disks");
  return check_names_differ ("disk", &list);
}

static int
end_scratch (void *opaque)
{
  if (!backup_last_disk (opaque)->scratch)
    return fail (ERROR_INVALID, "attribute 'file' or 'dev' is missing");
  return 0;
}

static int
begin_target (void *opaque)
{
  struct backup_reader *reader = opaque;

  reader->protocol_given = reader->host_given = false;
  return only_for_push (opaque);
}

static int
end_target (void *opaque)
{
  const struct backup_disk *disk = backup_last_disk (opaque);

  if (disk->network)
    return backup_network_end_target (opaque);
  if (!disk->target)
    return fail (ERROR_INVALID, "attribute 'file' or 'dev' is missing");
  return 0;
}

/* clang-format off */
#define REFUSED_CHILDREN                                                       \
  { .name = "seclabel",                                                        \
    .refused = "Pullback sets no security labels; leave it out and label the " \
               "file yourself" },                                              \
  { .name = "encryption",                                                      \
    .refused = "Pullback does not encrypt; leave it out and use storage that " \
               "is encrypted" }
/* clang-format on */

static const struct xml_element scratch_children[] = { REFUSED_CHILDREN,
                                                       { .name = NULL } };

static const struct xml_element target_children[] = {
  REFUSED_CHILDREN,
  { .name = "host",
    .begin = backup_network_begin_host,
    .attributes = backup_network_host,
    .end = backup_network_end_host },
  { .name = NULL }
};

static const struct xml_element disk_children[] = {
  { .name = "scratch",
    .begin = only_for_pull,
    .attributes =
        (const struct xml_attribute[]){
            { .name = "fdgroup", .refused = backup_no_fd_group },
            { .name = "file", .store = store_scratch_file },
            { .name = "dev", .store = store_scratch_device },
            { .name = NULL } },
    .children = scratch_children,
    .end = end_scratch },
  { .name = "target",
    .begin = begin_target,
    .attributes =
        (const struct xml_attribute[]){
            { .name = "fdgroup", .refused = backup_no_fd_group },
            { .name = "file", .store = store_target_file },
            { .name = "dev", .store = store_target_device },
            { .name = "protocol", .store = backup_network_protocol },
            { .name = "name", .store = backup_network_name },
            { .name = "tls", .refused = backup_network_no_tls },
            { .name = "shallow",
              .refused = "a push has all that the guest sees, whatever the "
                         "image's backing chain; leave it out" },
            { .name = NULL } },
    .children = target_children,
    .end = end_target },
  { .name = "driver",
    .attributes =
        (const struct xml_attribute[]){
            { .name = "type", .store = store_driver, .required = true },
            { .name = NULL } } },
  { .name = NULL }
};

const struct xml_element backup_disk_element[] = {
  { .name = "disk",
    .many = true,
    .begin = begin_disk,
    .attributes =
        (const struct xml_attribute[]){
            { .name = "name", .store = store_disk_name, .required = true },
            { .name = "backup", .store = store_disk_backup },
            { .name = "type", .store = store_disk_type },
            { .name = "backupmode", .store = store_disk_mode },
            { .name = "incremental", .store = store_disk_incremental },
            { .name = "exportname", .store = store_export_name },
            { .name = "exportbitmap", .store = store_export_bitmap },
            { .name = "index", .store = store_index },
            { .name = NULL } },
    .children = disk_children,
    .end = end_disk },
  { .name = NULL }
};
