/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs on a backup that runs: info, XML, end; and how one is shown. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/cli/backup-begin.h"
#include "controller/cli/backup-ticket.h"
#include "controller/cli/cut.h"
#include "controller/cli/reply.h"
#include "controller/cli/table.h"
#include "controller/cli/xpath.h"
#include "controller/common/error.h"

/* "12.0 MiB of 64.0 MiB" */
static void
format_progress (json_object *object, char *text, size_t size)
{
  json_object *progress = reply_object (object, "progress");

  snprintf (text, size, "%s of %s",
            format_size (reply_number (progress, "offset")).text,
            format_size (reply_number (progress, "length")).text);
}

static bool
is_push (json_object *backup)
{
  const char *mode = reply_text (backup, "mode");

  return mode && strcmp (mode, "push") == 0;
}

static void
show_checkpoint (json_object *backup)
{
  const char *checkpoint = reply_text (backup, "checkpoint");
  const char *state = reply_text (backup, "state");
  const char *fate = "kept when the backup ends without --abort";

  if (checkpoint == NULL)
    return;
  if (is_push (backup))
    fate = "kept when the backup has completed";
  if (state && strcmp (state, "completed") == 0)
    fate = "kept";
  if (state &&
      (strcmp (state, "failed") == 0 || strcmp (state, "cancelled") == 0))
    fate = "removed";
  printf ("%-15s %s (%s)\n", "Checkpoint:", checkpoint, fate);
}

/* The moment, or that there is none yet; how long it took, and the pause. */
static void
show_cut (json_object *backup)
{
  int64_t moment = reply_number (backup, "cut_time_microseconds");
  int64_t pause = reply_number (backup, "pause_microseconds");

  if (moment == 0) {
    printf ("%-15s not taken", "Point in time:");
    if (reply_has (backup, "waits"))
      printf (" yet; backup-cut has %" PRId64 " s left for it",
              reply_number (backup, "waits"));
    putchar ('\n');
    return;
  }
  printf ("%-15s %s\n", "Point in time:", format_moment (moment).text);
  printf ("%-15s %.1f ms\n",
          "Taken in:", reply_number (backup, "cut_microseconds") / 1000.0);
  if (pause > 0)
    printf ("%-15s %.1f ms\n", "Guest paused:", pause / 1000.0);
  else
    printf ("%-15s no\n", "Guest paused:");
  show_quiesced (backup);
}

/* Of all disks, and the limit where there is one. */
static void
show_scratch (json_object *backup)
{
  const int64_t limit = reply_number (backup, "scratch_limit");
  int64_t used = 0;
  size_t i;

  for (i = 0; i < reply_count (backup, "disks"); i++)
    used += reply_number (reply_item (backup, "disks", i), "scratch_used");
  printf ("%-15s %s%s%s\n", "Scratch used:", format_size (used).text,
          limit ? " of " : "", limit ? format_size (limit).text : "");
}

static void
show_how (json_object *backup)
{
  const char *promise = reply_text (backup, "promise");

  show_cut (backup);
  if (reply_text (backup, "method"))
    printf ("%-15s %s\n", "Method:", reply_text (backup, "method"));
  if (promise && promise[0])
    printf ("%-15s %s\n", "Note:", promise);
  if (reply_flag (backup, "reclaim"))
    printf ("%-15s every byte can be read once\n", "Reclaim:");
  if (is_push (backup)) {
    char text[80];

    format_progress (backup, text, sizeof text);
    printf ("%-15s %s\n", "Written:", text);
  }
  else
    show_scratch (backup);
  show_checkpoint (backup);
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

static bool
is_same (const char *one, const char *other)
{
  return one && other ? strcmp (one, other) == 0 : one == other;
}

/* What has been read of a disk, by the export since this base: "1.0 MiB of 2.0
 * MiB", or without the latter as long as it is not known; and what clients were
 * sent that may not have received it yet. */
static void
format_read (json_object *disk, const char *base, char *text, size_t size)
{
  const int64_t sent = reply_number (disk, "sent");
  int64_t read = reply_number (disk, "read"), required = -1;
  size_t i;

  for (i = 0; i < reply_count (disk, "exports"); i++) {
    json_object *export = reply_item (disk, "exports", i);

    if (is_same (reply_text (export, "base"), base) &&
        reply_has (export, "required")) {
      required = reply_number (export, "required");
      read = required - reply_number (export, "missing");
    }
  }
  snprintf (text, size, "%s%s%s%s%s", format_size (read).text,
            required < 0 ? "" : " of ",
            required < 0 ? "" : format_size (required).text,
            sent > 0 ? ", under way " : "",
            sent > 0 ? format_size (sent).text : "");
}

static int
add_export (struct table *table, json_object *disk, const char *base,
            const char *uri)
{
  CLEANUP_FREE char *what = NULL;
  const char *name = reply_text (disk, "name");
  const struct size_text size = format_size (reply_number (disk, "size"));
  char read[120];

  if (asprintf (&what, base ? "since %s" : "all", base) == -1) {
    what = NULL;
    return fail_errno (ERROR_SYSTEM, "table");
  }
  if (!reply_has (disk, "read"))
    return table_row (table, name, size.text, what, uri);
  format_read (disk, base, read, sizeof read);
  return table_row (table, name, size.text, what, read, uri);
}

static int
add_view (struct table *table, json_object *disk, const char *base)
{
  const char *uri = reply_text (disk, "uri");
  CLEANUP_FREE char *view = uri ? view_uri (uri, base) : NULL;

  if (uri == NULL)
    return 0;
  return view == NULL ? -1 : add_export (table, disk, base, view);
}

/* Of every base. */
static int
add_views (struct table *table, json_object *disk)
{
  size_t i;

  for (i = 0; i < reply_count (disk, "bases"); i++)
    if (add_view (table, disk,
                  json_object_get_string (reply_item (disk, "bases", i))) == -1)
      return -1;
  return 0;
}

/* What can be pulled, a line each: all of a disk, and its changes since the
 * base if there is one. */
static int
show_exports (json_object *backup)
{
  const bool reads = reply_has (reply_item (backup, "disks", 0), "read");
  CLEANUP_TABLE struct table *table =
      reads ? table_new ("Disk", "Size", "Data", "Read", "URI", NULL)
            : table_new ("Disk", "Size", "Data", "URI", NULL);
  size_t i, count = reply_count (backup, "disks");

  if (table == NULL)
    return -1;
  for (i = 0; i < count; i++) {
    json_object *disk = reply_item (backup, "disks", i);
    const char *base = reply_text (disk, "incremental");
    const char *uri = reply_text (disk, "uri");
    bool changes_only = reply_flag (disk, "changes_only");

    if (!changes_only && add_export (table, disk, NULL, uri) == -1)
      return -1;
    if (base ? add_view (table, disk, base) == -1
             : changes_only && add_views (table, disk) == -1)
      return -1;
  }
  table_show (table);
  return 0;
}

/* Where each disk goes, and how far it is. */
static int
show_targets (json_object *backup)
{
  CLEANUP_TABLE struct table *table =
      table_new ("Disk", "Data", "Written", "Format", "Target", NULL);
  size_t i, count = reply_count (backup, "disks");

  if (table == NULL)
    return -1;
  for (i = 0; i < count; i++) {
    json_object *disk = reply_item (backup, "disks", i);
    const char *base = reply_text (disk, "incremental");
    CLEANUP_FREE char *what = NULL;
    char text[80];

    format_progress (disk, text, sizeof text);
    if (asprintf (&what, base ? "since %s" : "all", base) == -1) {
      what = NULL;
      return fail_errno (ERROR_SYSTEM, "table");
    }
    if (table_row (table, reply_text (disk, "name"), what, text,
                   reply_text (disk, "format"),
                   reply_text (disk, "target")) == -1)
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
  if ((is_push (backup) ? show_targets : show_exports) (backup) == -1)
    return -1;
  for (i = 0; i < reply_count (backup, "disks"); i++) {
    json_object *disk = reply_item (backup, "disks", i);

    if (reply_text (disk, "fallback"))
      printf ("\n%s is a full backup: %s\n", reply_text (disk, "name"),
              reply_text (disk, "fallback"));
  }
  return 0;
}

int
backup_show_started (struct invocation *invocation, json_object *backup)
{
  const char *state = reply_text (backup, "state");

  /* The data path can fail at once; the point in time is lost then. */
  if (reply_text (backup, "reason"))
    return fail (ERROR_SYSTEM,
                 "the backup was started and is broken: %s; 'pullback "
                 "backup-end --abort %s' removes what is left of it",
                 reply_text (backup, "reason"),
                 value_of (invocation, "domain"));
  printf ("Backup %s\n\n",
          state && strcmp (state, "prepared") == 0 ? state : "started");
  if (backup_show (backup) == -1)
    return -1;
  return reply_has (backup, "ticket")
             ? ticket_show (reply_object (backup, "ticket"))
             : 0;
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

  if (check_xpath_options (invocation) == -1 ||
      get_backup (invocation, &reply) == -1)
    return -1;
  return reply && reply_text (reply, "xml")
             ? show_document (invocation, reply_text (reply, "xml"))
             : 0;
}

static int
backup_end (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;
  bool abort = is_given (invocation, "abort");
  const unsigned flags = (abort ? PULLBACK_BACKUP_END_ABORT : 0) |
                         (is_given (invocation, "require-complete")
                              ? PULLBACK_BACKUP_END_REQUIRE_COMPLETE
                              : 0);
  const char *checkpoint;

  if (refuse_both (invocation, "abort", "require-complete") == -1)
    return -1;
  if (reply_take (invocation,
                  pullback_backup_end (invocation->handle,
                                       value_of (invocation, "domain"), flags),
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

static const struct parameter cut_parameters[] = {
  DOMAIN_PARAMETER,
  HOOK_PARAMETERS,
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter dumpxml_parameters[] = {
  DOMAIN_PARAMETER,
  XPATH_PARAMETERS,
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter end_parameters[] = {
  DOMAIN_PARAMETER,
  { FLAG, "abort", NULL, "do not keep the backup's checkpoint" },
  { FLAG, "require-complete", NULL,
    "fail unless all that is to be pulled was read" },
  JSON_PARAMETER,
  { 0 },
};

const struct verb backup_verbs[] = {
  { .name = "backup-begin",
    .help = "Freeze a point in time and offer it over NBD, or push it to files",
    .parameters = backup_begin_parameters,
    .offline = true,
    .run = backup_begin },
  { .name = "backup-cut",
    .help = "Take the point in time of a backup that was prepared",
    .parameters = cut_parameters,
    .run = cut_backup },
  { .name = "backup-info",
    .help =
        "Show the backup that runs, and where to pull from or how far it is",
    .parameters = running_parameters,
    .run = backup_info },
  { .name = "backup-dumpxml",
    .help = "Show the XML of the backup that runs",
    .parameters = dumpxml_parameters,
    .run = backup_dumpxml },
  { .name = "backup-ticket",
    .help = "Add, list and revoke the tickets of a backup served with TLS",
    .parameters = backup_ticket_parameters,
    .run = backup_ticket },
  { .name = "backup-end",
    .help = "End a backup, and keep its checkpoint",
    .parameters = end_parameters,
    .run = backup_end },
  { 0 },
};
