/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs on a backup that runs: info, XML, end; and how one is shown. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/cli/backup_begin.h"
#include "controller/cli/reply.h"
#include "controller/cli/table.h"
#include "controller/common/error.h"

static void
show_how (json_object *backup)
{
  const char *promise = reply_text (backup, "promise");
  const char *checkpoint = reply_text (backup, "checkpoint");
  int64_t pause = reply_number (backup, "pause_microseconds");

  printf ("%-15s %s\n", "Point in time:",
          format_time (reply_number (backup, "cut_time")).text);
  if (pause > 0)
    printf ("%-15s %.1f ms\n", "Guest paused:", pause / 1000.0);
  else
    printf ("%-15s no\n", "Guest paused:");
  printf ("%-15s %s\n", "Method:", reply_text (backup, "method"));
  if (promise && promise[0])
    printf ("%-15s %s\n", "Note:", promise);
  if (checkpoint)
    printf ("%-15s %s (kept when the backup ends without --abort)\n",
            "Checkpoint:", checkpoint);
}

/* The URI of the view since a checkpoint: '@' and its name, percent-encoded,
 * after the export's.  The caller's; NULL: reported. */
static char *
view_uri (const char *uri, const char *base)
{
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "abcdefghijklmnopqrstuvwxyz0123456789-._~";
  const size_t length = strcspn (uri, "?");
  char *view = NULL;
  size_t size;
  FILE *text = open_memstream (&view, &size);

  if (text) {
    fprintf (text, "%.*s@", (int) length, uri);
    for (; *base; base++)
      fprintf (text, strchr (plain, *base) ? "%c" : "%%%02X",
               (unsigned char) *base);
    fputs (uri + length, text);
  }
  if (text == NULL || fclose (text) != 0) {
    fail_errno (ERROR_SYSTEM, "URI");
    return NULL;
  }
  return view;
}

static int
add_export (struct table *table, json_object *disk, const char *base,
            const char *uri)
{
  CLEANUP_FREE char *what = NULL;

  if (asprintf (&what, base ? "since %s" : "all", base) == -1) {
    what = NULL;
    return fail_errno (ERROR_SYSTEM, "table");
  }
  return table_row (table, reply_text (disk, "name"),
                    format_size (reply_number (disk, "size")).text, what, uri);
}

/* What can be pulled, a line each: all of a disk, and its changes since the
 * base if there is one. */
static int
show_exports (json_object *backup)
{
  CLEANUP_TABLE struct table *table =
      table_new ("Disk", "Size", "Data", "URI", NULL);
  size_t i, count = reply_count (backup, "disks");

  if (table == NULL)
    return -1;
  for (i = 0; i < count; i++) {
    json_object *disk = reply_item (backup, "disks", i);
    const char *base = reply_text (disk, "incremental");
    const char *uri = reply_text (disk, "uri");
    CLEANUP_FREE char *view = base && uri ? view_uri (uri, base) : NULL;

    if (add_export (table, disk, NULL, uri) == -1 ||
        (base && uri &&
         (view == NULL || add_export (table, disk, base, view) == -1)))
      return -1;
  }
  table_show (table);
  return 0;
}

int
backup_show (json_object *backup)
{
  size_t i;

  show_how (backup);
  putchar ('\n');
  if (show_exports (backup) == -1)
    return -1;
  for (i = 0; i < reply_count (backup, "disks"); i++) {
    json_object *disk = reply_item (backup, "disks", i);

    if (reply_text (disk, "fallback"))
      printf ("\n%s is a full backup: %s\n", reply_text (disk, "name"),
              reply_text (disk, "fallback"));
  }
  return 0;
}

static int
get_backup (struct invocation *invocation, json_object **reply)
{
  return reply_take (invocation,
                     pullback_backup_info (invocation->handle,
                                           value_of (invocation, "domain")),
                     reply);
}

static int
backup_info (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;

  if (get_backup (invocation, &reply) == -1)
    return -1;
  if (reply == NULL)
    return 0;
  printf ("%-15s %s\n", "Domain:", reply_text (reply, "domain"));
  printf ("%-15s %s\n", "State:", reply_text (reply, "state"));
  if (reply_text (reply, "reason"))
    printf ("%-15s %s\n", "Reason:", reply_text (reply, "reason"));
  return backup_show (reply);
}

static int
backup_dumpxml (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;

  if (get_backup (invocation, &reply) == -1)
    return -1;
  if (reply && reply_text (reply, "xml"))
    puts (reply_text (reply, "xml"));
  return 0;
}

static int
backup_end (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;
  bool abort = is_given (invocation, "abort");
  const char *checkpoint;

  if (reply_take (invocation,
                  pullback_backup_end (invocation->handle,
                                       value_of (invocation, "domain"), abort),
                  &reply) == -1)
    return -1;
  if (reply == NULL)
    return 0;
  checkpoint = reply_text (reply, "checkpoint");
  puts (abort ? "Backup aborted" : "Backup ended");
  if (checkpoint)
    printf ("Domain checkpoint %s %s\n", checkpoint,
            reply_flag (reply, "committed") ? "created" : "discarded");
  return 0;
}

/* clang-format off */
#define DOMAIN_PARAMETER { POSITIONAL, "domain", "DOMAIN", "the domain's name" }
/* clang-format on */

static const struct parameter running_parameters[] = {
  DOMAIN_PARAMETER,
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter end_parameters[] = {
  DOMAIN_PARAMETER,
  { FLAG, "abort", NULL, "do not keep the backup's checkpoint" },
  JSON_PARAMETER,
  { 0 },
};

const struct verb backup_verbs[] = {
  { .name = "backup-begin",
    .help = "Freeze a point in time and offer it, and its changes, over NBD",
    .parameters = backup_begin_parameters,
    .offline = true,
    .run = backup_begin },
  { .name = "backup-info",
    .help = "Show the backup that runs, and where to pull from",
    .parameters = running_parameters,
    .run = backup_info },
  { .name = "backup-dumpxml",
    .help = "Show the XML of the backup that runs",
    .parameters = running_parameters,
    .run = backup_dumpxml },
  { .name = "backup-end",
    .help = "End a backup, and keep its checkpoint",
    .parameters = end_parameters,
    .run = backup_end },
  { 0 },
};
