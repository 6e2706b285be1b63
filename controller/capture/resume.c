/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes down what a capture is, and makes one of that again in another process
 * when the first one has died, if QEMU has kept all of it. */

#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/capture/internal.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"

/* More than any capture makes. */
#define MAX_MADE (MAX_DISKS * 16)

json_object *
undo_record (const struct undo_list *list)
{
  json_object *json = json_object_new_array ();

  for (size_t i = 0; i < list->nr_entries; i++) {
    const struct undo_entry *entry = &list->entries[i];

    qmp_append (json, qmp_object ("kind", qmp_number (entry->kind), "object",
                                  qmp_text (entry->object), "owner",
                                  qmp_text (entry->owner), NULL));
  }
  return json;
}

int
undo_restore (struct undo_list *list, json_object *record)
{
  const size_t count = qmp_length (record);

  if (count == 0 || count > MAX_MADE)
    return fail (ERROR_SYSTEM, "the journal does not say what was made");
  for (size_t i = 0; i < count; i++) {
    json_object *entry = json_object_array_get_idx (record, i);
    const char *object = qmp_string (entry, "object");
    const uint64_t kind = qmp_get_number (entry, "kind");

    if (object == NULL || kind == 0 || kind > UNDO_ALL)
      return fail (ERROR_SYSTEM, "the journal does not say what was made");
    if (undo_push (list, kind, object, qmp_string (entry, "owner")) < 0)
      return -1;
  }
  return 0;
}

json_object *
capture_record (const struct capture *capture)
{
  const struct capture_report *report = &capture->report;
  json_object *limits = json_object_new_array ();

  for (size_t i = 0; i < capture->nr_disks; i++)
    qmp_append (limits, qmp_number (capture->disks[i].threshold));
  return qmp_object ("method", qmp_text (capture_method_name (report->method)),
                     "cut-time", qmp_number (report->cut.since_epoch),
                     "cut-microseconds", qmp_number (report->cut.microseconds),
                     "pause-microseconds",
                     qmp_number (report->pause_microseconds), "thresholds",
                     limits, "made", undo_record (&capture->made), NULL);
}

static int
restore (struct capture *capture, json_object *record)
{
  struct capture_report *report = &capture->report;
  const char *method = qmp_string (record, "method");
  json_object *limits = qmp_list (record, "thresholds");

  if (method == NULL || capture_method_from_name (method) <= CAPTURE_AUTO ||
      qmp_length (limits) != capture->nr_disks)
    return fail (ERROR_SYSTEM, "the journal does not describe a capture");
  capture_set_method (capture, capture_method_from_name (method));
  report->cut.since_epoch = qmp_get_number (record, "cut-time");
  report->cut.microseconds = qmp_get_number (record, "cut-microseconds");
  report->pause_microseconds = qmp_get_number (record, "pause-microseconds");
  for (size_t i = 0; i < capture->nr_disks; i++)
    capture->disks[i].threshold =
        json_object_get_uint64 (json_object_array_get_idx (limits, i));
  return undo_restore (&capture->made, qmp_list (record, "made"));
}

static bool
was_made (const struct capture *capture, enum undo_kind kind,
          const char *object)
{
  for (size_t i = 0; i < capture->made.nr_entries; i++)
    if (capture->made.entries[i].kind == kind &&
        strcmp (capture->made.entries[i].object, object) == 0)
      return true;
  return false;
}

/* What QEMU has of a capture. */
struct present {
  json_object *exports, *jobs, *nodes;
};

static void
cleanup_present (struct present *present)
{
  json_object_put (present->exports);
  json_object_put (present->jobs);
  json_object_put (present->nodes);
}

static int
query_present (struct qmp *qmp, struct present *present)
{
  return qmp_execute (qmp, "query-block-exports", NULL, &present->exports) <
                     0 ||
                 qmp_execute (qmp, "query-jobs", NULL, &present->jobs) < 0 ||
                 qmp_execute (qmp, "query-named-block-nodes",
                              qmp_object ("flat", qmp_flag (true), NULL),
                              &present->nodes) < 0
             ? -1
             : 0;
}

/* Nobody listened meanwhile, so that each event that would have said that the
 * point in time is lost is looked for by its effect.  An event of the scratch
 * file's threshold is raised once, and QEMU forgets the threshold then. */
static int
check_disk (const struct capture *capture, const struct captured_disk *disk,
            const struct present *present)
{
  json_object *found = qmp_find (present->exports, "id", disk->job);
  json_object *job = qmp_find (present->jobs, "id", disk->job);
  json_object *file = qmp_find (present->nodes, "node-name", disk->file);

  if (!found || qmp_true (found, "shutting-down"))
    return fail (ERROR_CONFLICT, "disk '%s': its export has gone", disk->name);
  if (was_made (capture, UNDO_JOB, disk->job) &&
      !qmp_string_is (job, "status", "running") &&
      !qmp_string_is (job, "status", "paused"))
    return fail (ERROR_CONFLICT, "disk '%s': QEMU's backup job has ended",
                 disk->name);
  if (disk->threshold && qmp_get_number (file, "write_threshold") == 0)
    return fail (ERROR_CONFLICT,
                 "disk '%s': the scratch file has no more room for what the "
                 "guest overwrites",
                 disk->name);
  return 0;
}

static int
check_present (struct capture *capture)
{
  __attribute__ ((cleanup (cleanup_present))) struct present present = { 0 };

  if (query_present (capture->qmp, &present) < 0)
    return -1;
  for (size_t i = 0; i < capture->nr_disks; i++)
    if (check_disk (capture, &capture->disks[i], &present) < 0)
      return -1;
  return 0;
}

void
capture_abandon (struct capture *capture)
{
  guard_stop (capture);
  undo_truncate (&capture->made, 0);
  capture_free (capture);
}

struct capture *
capture_resume (struct qmp *qmp, const struct capture_request *request,
                json_object *record)
{
  struct capture *capture = capture_new (qmp, request);

  if (!capture)
    return NULL;
  if (restore (capture, record) == 0 && check_present (capture) == 0 &&
      guard_start (capture) == 0) {
    capture_forget_request (capture);
    return capture;
  }
  capture_abandon (capture);
  return NULL;
}
