/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a push backup: QEMU writes by itself until it has done, and then
 * the checkpoint is committed and QEMU let go of, or all is taken back. */

#include <config.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "controller/capture/push.h"
#include "controller/common/error.h"
#include "controller/domain/job-kind.h"
#include "controller/domain/journal.h"
#include "controller/domain/json.h"
#include "controller/domain/uri.h"
#include "controller/qmp/json.h"

struct push_parts {
  struct push *push;
  atomic_bool look; /* there may be something to settle */
  bool reuse;
  bool files_made, kept; /* by the push, and its outcome is right */
};

static struct push_parts *
parts_of (const struct job *job)
{
  return job->parts;
}

static void
judge (struct job *job, const char *event, json_object *data)
{
  if (!push_concerned (parts_of (job)->push, event, data))
    return;
  parts_of (job)->look = true;
  job->changed (job->changed_opaque);
}

static int
files_made (void *opaque)
{
  struct job *job = opaque;

  parts_of (job)->files_made = true;
  return job_save (job);
}

static int
prepare_push (struct job *job, bool reuse)
{
  const struct plan *plan = job->plan;
  CLEANUP_FREE struct push_disk *disks =
      calloc (plan->nr_disks + 1, sizeof *disks);
  const struct push_request request = { .job = job->name,
                                        .disks = disks,
                                        .nr_disks = plan->nr_disks,
                                        .files_made = files_made,
                                        .opaque = job };
  size_t i;

  if (disks == NULL)
    return fail_errno (ERROR_SYSTEM, "backup");
  for (i = 0; i < plan->nr_disks; i++) {
    const struct plan_disk *disk = &plan->disks[i];

    disks[i] = (struct push_disk){
      .disk = disk->disk,
      .path = disk->requested->target,
      .is_device = disk->requested->target_is_device,
      .network = disk->requested->network,
      .format = disk->requested->driver,
      .reuse = reuse,
      .new_bitmap = disk->new_bitmap,
      .base_bitmap = disk->base_bitmap,
    };
  }
  parts_of (job)->push = push_prepare (job->qmp, &request);
  return parts_of (job)->push ? 0 : -1;
}

/* Files that go with a push that is taken down.  By then one of the name may be
 * somebody else's: it is known by its inode. */
static int
record (struct job *job, json_object *json)
{
  const struct push_parts *parts = parts_of (job);
  json_object *list = json_object_new_array ();
  size_t i;

  json_object_object_add (json, "made", list);
  for (i = 0; parts->files_made && !parts->kept && i < job->plan->nr_disks;
       i++) {
    const struct backup_disk *target = job->plan->disks[i].requested;
    const struct push_disk disk = { .path = target->target,
                                    .is_device = target->target_is_device,
                                    .reuse = parts->reuse };
    struct stat status;

    if (!push_makes_file (&disk) || stat (disk.path, &status) == -1)
      continue;
    qmp_append (list, qmp_object ("path", qmp_text (disk.path), "device",
                                  qmp_number (status.st_dev), "inode",
                                  qmp_number (status.st_ino), NULL));
  }
  return 0;
}

static int
prepare (struct job *job, const struct job_request *request)
{
  if (request->method != CAPTURE_AUTO || scratch_is_given (&request->scratch) ||
      request->changes_only || request->reclaim)
    return fail (ERROR_INVALID,
                 "a method, a folder for scratch files, the limit to what "
                 "changed and reclaiming what was read are only for "
                 "<domainbackup mode='pull'>");
  job->parts = calloc (1, sizeof (struct push_parts));
  if (job->parts == NULL)
    return fail_errno (ERROR_SYSTEM, "backup");
  parts_of (job)->reuse = request->reuse_external;
  if (job_save (job) == -1 || prepare_push (job, request->reuse_external) == -1)
    return -1;
  return 0;
}

static int
cut (struct job *job)
{
  return push_cut (parts_of (job)->push);
}

static int
open_push (struct job *job)
{
  /* A small one may have ended before anybody listened. */
  parts_of (job)->look = true;
  job_start_judging (job);
  job->changed (job->changed_opaque);
  return 0;
}

/* Why the backup is of no use, for backup-info.  The error reported last, if
 * any, is of its removal. */
static void
set_reason (struct job *job, const char *reason)
{
  LOCK_IN_SCOPE (&job->lock);

  free (job->broken);
  job->broken = strdup (reason ? reason : "out of memory");
}

/* -1: something is left, reported; the journal remembers it. */
static int
take_back (struct job *job)
{
  struct push_parts *parts = parts_of (job);

  if (push_end (parts->push, false) == -1)
    return -1;
  journal_remove (job->state, job->domain);
  return 0;
}

static void
settle_failed (struct job *job, enum job_outcome outcome, const char *reason)
{
  CLEANUP_FREE char *left = NULL;

  if (take_back (job) == -1)
    left = strdup (error_message ());
  set_reason (job, reason);
  log_line ("the push backup of domain '%s' %s: %s%s%s", job->domain,
            outcome == JOB_FAILED ? "has failed" : "was cancelled",
            reason ? reason : "out of memory",
            left ? "; and not everything could be taken back: " : "",
            left ? left : "");
  job->outcome = outcome;
  job_tell (
      job, outcome == JOB_FAILED ? EVENT_BACKUP_FAILED : EVENT_BACKUP_CANCELLED,
      reason, false);
  job_let_go (job);
}

/* The metadata is committed before the nodes go: a daemon that dies in between
 * leaves a checkpoint that is whole. */
static void
settle_completed (struct job *job)
{
  CLEANUP_FREE char *why = NULL;
  const char *checkpoint = job_checkpoint (job);

  if (job_commit_checkpoint (job) == -1) {
    why = strdup (error_message ());
    settle_failed (job, JOB_FAILED, why);
    return;
  }
  /* From here on the next daemon is not to remove what was written. */
  parts_of (job)->kept = true;
  if (job_save (job) == -1)
    log_line ("domain '%s': %s", job->domain, error_message ());
  if (push_end (parts_of (job)->push, true) == -1)
    log_line ("the push backup of domain '%s' has left something in QEMU: %s",
              job->domain, error_message ());
  else
    journal_remove (job->state, job->domain);
  log_line ("the push backup of domain '%s' has completed%s%s%s", job->domain,
            checkpoint ? "; checkpoint '" : "", checkpoint ? checkpoint : "",
            checkpoint ? "' is made" : "");
  job->outcome = JOB_COMPLETED;
  job_tell (job, EVENT_BACKUP_COMPLETED, NULL, true);
  job_let_go (job);
}

static void
settle (struct job *job)
{
  struct push_parts *parts = parts_of (job);
  CLEANUP_FREE char *reason = NULL;

  if (!atomic_exchange (&parts->look, false))
    return;
  switch (push_look (parts->push, &reason)) {
  case PUSH_RUNNING:
    break;
  case PUSH_COMPLETED:
    settle_completed (job);
    break;
  case PUSH_FAILED:
    settle_failed (job, JOB_FAILED, reason);
    break;
  case PUSH_CANCELLED:
    settle_failed (job, JOB_CANCELLED, reason);
    break;
  }
}

static int
check_end (struct job *job, bool abort)
{
  if (!abort)
    return fail (ERROR_CONFLICT,
                 "the push backup of domain '%s' is still running, and ends by "
                 "itself; 'pullback backup-info %s' shows how far it is, "
                 "'pullback backup-end --abort %s' cancels it",
                 job->domain, job->domain, job->domain);
  return 0;
}

static int
end (struct job *job, bool abort, bool *kept)
{
  (void) abort;
  *kept = false;
  return take_back (job);
}

static void
add_progress (json_object *json, uint64_t offset, uint64_t length)
{
  json_object *progress = json_object_new_object ();

  json_add_number (progress, "offset", (int64_t) offset);
  json_add_number (progress, "length", (int64_t) length);
  json_object_object_add (json, "progress", progress);
}

static void
describe (struct job *job, json_object *json)
{
  struct push *push = parts_of (job)->push;
  const struct push_report *report = push_report (push);
  uint64_t offset = 0, length = 0;
  size_t i;

  if (job->outcome == JOB_RUNNING)
    push_ask_progress (push);
  json_add_text (json, "promise", report->promise);
  job_describe_cut (&report->cut, 0, json);
  for (i = 0; i < job->plan->nr_disks; i++) {
    uint64_t one_offset, one_length;

    push_progress (push, i, &one_offset, &one_length);
    offset += one_offset;
    length += one_length;
  }
  add_progress (json, offset, length);
}

static void
describe_disk (struct job *job, size_t i, json_object *json)
{
  const struct backup_disk *requested = job->plan->disks[i].requested;
  CLEANUP_FREE char *uri =
      requested->network ? nbd_uri (requested->network, NULL) : NULL;
  uint64_t offset, length;

  json_add_text (json, "format", requested->driver);
  json_add_text (json, "target", uri ? uri : requested->target);
  push_progress (parts_of (job)->push, i, &offset, &length);
  add_progress (json, offset, length);
}

static void
free_parts (struct job *job)
{
  push_free (parts_of (job)->push);
  free (job->parts);
}

const struct job_kind job_push = {
  .ended = EVENT_BACKUP_CANCELLED,
  .prepare = prepare,
  .cut = cut,
  .open = open_push,
  .record = record,
  .judge = judge,
  .settle = settle,
  .check_end = check_end,
  .end = end,
  .describe = describe,
  .describe_disk = describe_disk,
  .free = free_parts,
};
