/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks the relay what was read of each disk, and judges it. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/exports.h"
#include "controller/domain/json.h"
#include "controller/domain/reads.h"

/* The relay's answer, in bytes; see plugin/relay/accounting.h. */
struct reading {
  const struct plan_export *export; /* whose map it is about */
  uint64_t read, sent;
  bool forgot; /* some was read in too many pieces, and counts as not read */
  bool known;  /* what follows is */
  uint64_t data, missing, zeroes, clean;
};

/* How one disk stands. */
struct verdict {
  bool complete;
  struct reading nearest; /* to being complete */
};

static int
understand (const char *answer, struct reading *reading)
{
  const int count = sscanf (
      answer,
      "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
      &reading->read, &reading->sent, &reading->data, &reading->missing,
      &reading->zeroes, &reading->clean);

  reading->known = count == 6;
  reading->forgot = strstr (answer, " forgot") != NULL;
  if (count == 2 || count == 6)
    return 0;
  return fail (ERROR_SYSTEM, "the relay says '%s' of what was read", answer);
}

/* All exports of a disk have the same bytes. */
static int
ask (const struct datapath *datapath, const struct plan_exports *exports,
     const struct plan_export *export, struct reading *reading)
{
  CLEANUP_FREE const char **words = calloc (exports->count + 2, sizeof *words);
  CLEANUP_FREE char *answer = NULL;
  size_t count = 0;

  *reading = (struct reading){ .export = export };
  if (words == NULL)
    return fail_errno (ERROR_SYSTEM, "what was read");
  words[count++] = "read";
  words[count++] = export->name;
  for (size_t i = 0; i < exports->count; i++)
    if (exports->items[i].disk == export->disk && &exports->items[i] != export)
      words[count++] = exports->items[i].name;
  return datapath_say (datapath, words, &answer) == -1
             ? -1
             : understand (answer, reading);
}

/* The relay fetches the map from here on.  1: it has not got all of it yet,
 * reported, too. */
static int
ask_for_map (const struct datapath *datapath, const char *export)
{
  const char *const words[] = { "map", export, NULL };
  CLEANUP_FREE char *answer = NULL;

  if (datapath_say (datapath, words, &answer) == -1)
    return fail_prefix ("export '%s'", export);
  if (strcmp (answer, "whole") == 0)
    return 0;
  fail (ERROR_SYSTEM,
        "what there is to be read of export '%s' is still being found out; try "
        "again",
        export);
  return 1;
}

/* Whether a disk can be pulled by this export's map alone. */
static bool
is_candidate (const struct plan_disk *disk, const struct plan_export *export)
{
  if (disk->incremental == NULL)
    return true;
  return export->checkpoint && !export->in_place &&
         strcmp (export->checkpoint, disk->incremental) == 0;
}

/* Where a base was not named, a client must have asked for it: that nothing has
 * changed since some checkpoint makes no backup. */
static uint64_t
left_of (const struct plan_disk *disk, const struct reading *reading)
{
  uint64_t left = reading->missing + reading->zeroes;

  if (disk->incremental == NULL && reading->export->checkpoint)
    left += reading->clean;
  return left;
}

static bool
is_nearer (const struct plan_disk *disk, const struct reading *reading,
           const struct reading *than)
{
  return reading->known &&
         (!than->known || left_of (disk, reading) < left_of (disk, than));
}

/* Of the first candidate of each disk the map is fetched, of all at once; of
 * the others it is there if a client can have pulled by it.  As ask_for_map. */
static int
ask_for_maps (const struct plan *plan, const struct datapath *datapath,
              const struct plan_exports *exports)
{
  size_t disk = 0;
  int coming = 0;

  for (size_t i = 0; i < exports->count; i++) {
    const struct plan_export *export = &exports->items[i];
    int r;

    if (export->disk < disk ||
        !is_candidate (&plan->disks[export->disk], export))
      continue;
    disk = export->disk + 1;
    r = ask_for_map (datapath, export->name);
    if (r == -1)
      return -1;
    coming = coming || r;
  }
  return coming;
}

/* One candidate after the other. */
static int
judge_disk (const struct plan *plan, const struct datapath *datapath,
            const struct plan_exports *exports, size_t disk,
            struct verdict *verdict)
{
  const struct plan_disk *plan_disk = &plan->disks[disk];
  bool first = true;

  *verdict = (struct verdict){ 0 };
  for (size_t i = 0; i < exports->count && !verdict->complete; i++) {
    const struct plan_export *export = &exports->items[i];
    struct reading reading;

    if (export->disk != disk || !is_candidate (plan_disk, export))
      continue;
    if (ask (datapath, exports, export, &reading) == -1)
      return -1;
    if (first || is_nearer (plan_disk, &reading, &verdict->nearest))
      verdict->nearest = reading;
    first = false;
    verdict->complete = reading.known && left_of (plan_disk, &reading) == 0;
  }
  return 0;
}

/* "of disk 'vda' 512 of 1024 bytes that changed since 'monday' were never read"
 */
static void
tell_disk (const struct plan_disk *disk, const struct reading *reading,
           FILE *text)
{
  const char *base = reading->export->checkpoint;
  const uint64_t untold = left_of (disk, reading) - reading->missing;

  fprintf (text, "of disk '%s' ", disk->disk->name);
  if (reading->missing > 0)
    fprintf (text, "%" PRIu64 " of %" PRIu64 " bytes%s%s%s were never read%s",
             reading->missing, reading->data,
             base ? " that changed since '" : "", base ? base : "",
             base ? "'" : "", untold > 0 ? ", and " : "");
  if (untold > 0)
    fprintf (text,
             "%" PRIu64 " bytes without data were neither read nor "
             "asked about",
             untold);
  if (reading->sent > 0)
    fprintf (text,
             " (%" PRIu64 " bytes were sent to clients that are still "
             "connected, and count when these disconnect)",
             reading->sent);
  if (reading->forgot)
    fputs (" (some was read in too many small pieces for pullback-relay to "
           "remember all of them; what is read again in larger pieces, one "
           "after another, counts)",
           text);
}

static int
refuse (char *disks, bool forgotten)
{
  return fail (ERROR_CONFLICT,
               "the backup is not complete: %s%s; read on, or end it without "
               "--require-complete, or with --abort",
               disks ? disks : "out of memory",
               forgotten ? "; pullback-relay was started again, and has "
                           "forgotten what was read before"
                         : "");
}

/* What is left of all disks, the caller's; "" if nothing is.  NULL: reported.
 */
static char *
describe_left (const struct plan *plan, const struct datapath *datapath,
               const struct plan_exports *exports)
{
  char *left = NULL;
  size_t size;
  FILE *text = open_memstream (&left, &size);
  int r = 0;

  for (size_t i = 0; text && r == 0 && i < plan->nr_disks; i++) {
    struct verdict verdict;

    r = judge_disk (plan, datapath, exports, i, &verdict);
    if (r == -1 || verdict.complete)
      continue;
    if (ftell (text) > 0)
      fputs ("; ", text);
    tell_disk (&plan->disks[i], &verdict.nearest, text);
  }
  if (text && fclose (text) == 0 && r == 0)
    return left;
  if (r == 0)
    fail_errno (ERROR_SYSTEM, "what was read");
  free (left);
  return NULL;
}

int
reads_check (const struct plan *plan, const struct datapath *datapath,
             bool forgotten)
{
  CLEANUP_PLAN_EXPORTS struct plan_exports exports = { 0 };
  CLEANUP_FREE char *left = NULL;
  int r;

  if (plan_exports (plan, &exports) == -1)
    return -1;
  r = ask_for_maps (plan, datapath, &exports);
  if (r != 0)
    return r;
  left = describe_left (plan, datapath, &exports);
  if (left == NULL)
    return -1;
  return *left ? refuse (left, forgotten) : 0;
}

static json_object *
describe_export (const struct plan_disk *disk, const struct reading *reading)
{
  json_object *json = json_object_new_object ();

  json_add_text (json, "name", reading->export->name);
  json_add_text (json, "base", reading->export->checkpoint);
  if (reading->known) {
    json_add_number (json, "required", (int64_t) reading->data);
    json_add_number (json, "missing", (int64_t) reading->missing);
    json_add_number (json, "zeroes", (int64_t) reading->zeroes);
    /* Who has all of it has what changed in it, too. */
    json_add_bool (json, "complete",
                   left_of (disk, reading) == 0 &&
                       (is_candidate (disk, reading->export) ||
                        reading->export->checkpoint == NULL));
  }
  return json;
}

/* -1: reported. */
static int
describe_disk (const struct plan *plan, const struct datapath *datapath,
               const struct plan_exports *exports, size_t disk,
               json_object *json)
{
  json_object *list = json_object_new_array ();
  struct reading reading = { 0 };

  json_object_object_add (json, "exports", list);
  for (size_t i = 0; i < exports->count; i++) {
    const struct plan_export *export = &exports->items[i];

    if (export->disk != disk || export->in_place)
      continue;
    if (ask (datapath, exports, export, &reading) == -1)
      return -1;
    json_object_array_add (list,
                           describe_export (&plan->disks[disk], &reading));
  }
  json_add_number (json, "read", (int64_t) reading.read);
  json_add_number (json, "sent", (int64_t) reading.sent);
  return 0;
}

json_object *
reads_describe (const struct plan *plan, const struct datapath *datapath)
{
  CLEANUP_PLAN_EXPORTS struct plan_exports exports = { 0 };
  CLEANUP_JSON json_object *list = json_object_new_array ();

  if (plan_exports (plan, &exports) == -1)
    return NULL;
  for (size_t i = 0; i < plan->nr_disks; i++) {
    json_object *json = json_object_new_object ();

    json_object_array_add (list, json);
    if (describe_disk (plan, datapath, &exports, i, json) == -1)
      return NULL;
  }
  return STEAL (list);
}
