/* SPDX-License-Identifier: BSD-3-Clause */
/* A push from begin to end: targets, the cut, how the jobs stand, and the way
 * back. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/capture/push-internal.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"

/* Requests of a job in flight.  Whatever QEMU drains its nodes for, also the
 * end of another disk's job, waits for all of them and stands still meanwhile;
 * QEMU's own 64, of up to a MiB each, are long on a slow target. */
#define MAX_WORKERS 8

/* There is on-cbw-error=break-snapshot for it from QEMU 10.1 on, but a push
 * that was broken so goes on with live data, and completes without an error: a
 * wrong backup that nothing tells from a right one (seen with 11.1). */
static const char promise[] =
    "QEMU fails a write of the guest's where the target cannot take the old "
    "data at that moment; where the target may fail, pull instead";

static struct push *
push_new (struct qmp *qmp, const struct push_request *request)
{
  struct push *push = calloc (1, sizeof *push);
  char job[17];

  if (push) {
    push->disks = calloc (request->nr_disks + 1, sizeof *push->disks);
    push->requests = calloc (request->nr_disks + 1, sizeof *push->requests);
  }
  if (!push || !push->disks || !push->requests) {
    push_free (push);
    fail (ERROR_SYSTEM, "out of memory");
    return NULL;
  }
  push->qmp = qmp;
  push->nr_disks = request->nr_disks;
  capture_short_name (request->job, job);
  for (size_t i = 0; i < push->nr_disks; i++) {
    struct pushed_disk *disk = &push->disks[i];
    unsigned n = (unsigned) i % MAX_DISKS;

    push->requests[i] = request->disks[i];
    disk->request = &push->requests[i];
    snprintf (disk->job, NAME_SIZE, "%.16s-%u", job, n);
    snprintf (disk->filter, NAME_SIZE, "%.16s-%u-filter", job, n);
    snprintf (disk->storage, NAME_SIZE, "%.16s-%u-storage", job, n);
    snprintf (disk->target, NAME_SIZE, "%.16s-%u-target", job, n);
  }
  return push;
}

static json_object *
backup_arguments (const struct push *push, const struct pushed_disk *disk)
{
  const char *base = disk->request->base_bitmap;

  /* The base goes on recording (never): what is written while the job runs is
   * merged into it when the job ends, however it does.  A job stays until it is
   * dismissed, so that what became of it can be asked for. */
  return qmp_object (
      "job-id", qmp_text (disk->job), "device",
      qmp_text (disk->request->disk->node), "target", qmp_text (disk->target),
      "sync", qmp_text (base ? "bitmap" : "full"), "bitmap", qmp_text (base),
      "bitmap-mode", qmp_text (base ? "never" : NULL), "on-source-error",
      qmp_text ("report"), "on-target-error", qmp_text ("report"),
      "filter-node-name", qmp_text (disk->filter), "auto-dismiss",
      qmp_flag (false), "x-perf",
      push->limits_workers
          ? qmp_object ("max-workers", qmp_number (MAX_WORKERS), NULL)
          : NULL,
      NULL);
}

static int
cut_disks (struct push *push)
{
  struct cut cut = CUT (&push->made);
  for (size_t i = 0; i < push->nr_disks; i++)
    cut_new_bitmap (&cut, push->requests[i].disk, push->requests[i].new_bitmap);
  for (size_t i = 0; i < push->nr_disks; i++)
    cut_backup_job (&cut, push->disks[i].job,
                    backup_arguments (push, &push->disks[i]));
  cut_time_start (&push->report.cut);
  if (cut_execute (&cut, push->qmp) < 0)
    return fail_prefix ("the point in time");
  cut_time_stop (&push->report.cut);
  return 0;
}

static int
for_each_disk (struct push *push,
               int (*step) (struct push *, struct pushed_disk *))
{
  for (size_t i = 0; i < push->nr_disks; i++)
    if (step (push, &push->disks[i]) < 0)
      return fail_prefix ("disk '%s'", push->requests[i].disk->name);
  return 0;
}

static int
check_version (struct push *push)
{
  int modes = qmp_can (push->qmp, "blockdev-backup", NULL, "bitmap-mode");
  int workers = qmp_can (push->qmp, "blockdev-backup", NULL, "x-perf");

  if (modes < 0 || workers < 0)
    return -1;
  if (!modes)
    return fail (ERROR_UNSUPPORTED,
                 "QEMU %s cannot push a backup since a checkpoint: that needs "
                 "at least QEMU 4.2",
                 qmp_version_text (push->qmp));
  push->limits_workers = workers;
  return 0;
}

static int
prepare (struct push *push, const struct push_request *request)
{
  if (push->nr_disks == 0 || push->nr_disks > MAX_DISKS)
    return fail (ERROR_INVALID, "there are no disks to back up, or too many");
  if (check_version (push) < 0)
    return -1;
  push->report.promise = promise;
  return for_each_disk (push, push_target_make_file) < 0 ||
                 request->files_made (request->opaque) < 0 ||
                 for_each_disk (push, push_target_make) < 0
             ? -1
             : 0;
}

struct push *
push_prepare (struct qmp *qmp, const struct push_request *request)
{
  struct push *push = push_new (qmp, request);

  if (!push)
    return NULL;
  if (prepare (push, request) < 0) {
    undo_roll_back (qmp, &push->made);
    push_free (push);
    return NULL;
  }
  return push;
}

int
push_cut (struct push *push)
{
  if (cut_disks (push) == 0)
    return 0;
  undo_roll_back (push->qmp, &push->made);
  return -1;
}

const struct push_report *
push_report (const struct push *push)
{
  return &push->report;
}

bool
push_concerned (struct push *push, const char *event, json_object *data)
{
  if (push->ending)
    return false;
  if (!*event)
    return true;
  for (size_t i = 0; i < push->nr_disks; i++) {
    struct pushed_disk *disk = &push->disks[i];

    if (qmp_string_is (data, "device", disk->job) &&
        strcmp (event, "BLOCK_JOB_CANCELLED") == 0)
      disk->cancelled = true;
    if (qmp_string_is (data, "id", disk->job) &&
        strcmp (event, "JOB_STATUS_CHANGE") == 0 &&
        (qmp_string_is (data, "status", "concluded") ||
         qmp_string_is (data, "status", "null")))
      return true;
  }
  return false;
}

static void
read_progress (struct pushed_disk *disk, json_object *job)
{
  disk->offset = qmp_get_number (job, "current-progress");
  disk->length = qmp_get_number (job, "total-progress");
}

/* How one disk's job stands; 'why' is set, the answer's, if it failed. */
static enum push_state
look_at (struct pushed_disk *disk, json_object *jobs, const char **why)
{
  json_object *job = qmp_find (jobs, "id", disk->job);

  *why = NULL;
  if (job) {
    read_progress (disk, job);
    *why = qmp_string (job, "error");
  }
  if (disk->cancelled || !job)
    *why = "QEMU's backup job was cancelled by somebody";
  if (*why)
    return disk->cancelled || !job ? PUSH_CANCELLED : PUSH_FAILED;
  return qmp_string_is (job, "status", "concluded") ? PUSH_COMPLETED
                                                    : PUSH_RUNNING;
}

static const char *
target_text (const struct push_disk *request)
{
  const struct backup_network *network = request->network;

  if (!network)
    return request->path;
  return network->transport == SERVER_UNIX ? network->socket : network->host;
}

static void
set_reason (char **reason, const struct pushed_disk *disk, const char *why)
{
  if (asprintf (reason, "disk '%s', to '%s': %s", disk->request->disk->name,
                target_text (disk->request), why) < 0)
    *reason = NULL;
}

/* The first that has failed decides; all must have completed. */
static enum push_state
look_at_all (struct push *push, json_object *jobs, char **reason)
{
  enum push_state all = PUSH_COMPLETED;

  for (size_t i = 0; i < push->nr_disks; i++) {
    const char *why;
    enum push_state one = look_at (&push->disks[i], jobs, &why);

    if (one == PUSH_RUNNING && all == PUSH_COMPLETED)
      all = one;
    if (!why || *reason)
      continue;
    all = one;
    set_reason (reason, &push->disks[i], why);
  }
  return all;
}

enum push_state
push_look (struct push *push, char **reason)
{
  json_object *jobs;
  enum push_state state;

  *reason = NULL;
  if (qmp_execute (push->qmp, "query-jobs", NULL, &jobs) < 0) {
    *reason = strdup (error_message ());
    return PUSH_FAILED;
  }
  state = look_at_all (push, jobs, reason);
  json_object_put (jobs);
  for (size_t i = 0; state == PUSH_COMPLETED && i < push->nr_disks; i++)
    if (push_target_flush (push, &push->disks[i]) < 0) {
      set_reason (reason, &push->disks[i], error_message ());
      state = PUSH_FAILED;
    }
  return state;
}

void
push_ask_progress (struct push *push)
{
  json_object *jobs, *job;

  if (qmp_execute (push->qmp, "query-jobs", NULL, &jobs) < 0)
    return;
  for (size_t i = 0; i < push->nr_disks; i++)
    if ((job = qmp_find (jobs, "id", push->disks[i].job)))
      read_progress (&push->disks[i], job);
  json_object_put (jobs);
}

void
push_progress (const struct push *push, size_t disk, uint64_t *offset,
               uint64_t *length)
{
  *offset = push->disks[disk].offset;
  *length = push->disks[disk].length;
}

int
push_end (struct push *push, bool keep)
{
  int r;

  push->ending = true;
  if (keep)
    undo_keep (&push->made, UNDO_BITMAP | UNDO_FILE);
  r = undo_run (push->qmp, &push->made, UNDO_ALL);
  /* Files go also where QEMU does not answer any more. */
  return undo_run (push->qmp, &push->made, UNDO_FILE) < 0 ? -1 : r;
}

void
push_free (struct push *push)
{
  if (!push)
    return;
  undo_free (&push->made);
  free (push->disks);
  free (push->requests);
  free (push);
}
