/* SPDX-License-Identifier: BSD-3-Clause */
/* The point in time of a pull backup: prepared, cut, exposed and taken down,
 * and what shows that it is lost. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/job-pull.h"
#include "controller/domain/monitor.h"

void
pull_judge (struct job *job, const char *event, json_object *data)
{
  CLEANUP_FREE char *why = NULL;
  CLEANUP_FREE char *reason = NULL;
  const char *disk =
      capture_broken_by (pull_of (job)->capture, event, data, &why);

  if (disk == NULL)
    return;
  if (asprintf (&reason, "disk '%s': %s", disk, why ? why : event) == -1)
    reason = NULL;
  job_mark_broken (job, reason ? reason : event);
}

/* The broker was started after the capture was made, and is stopped before it
 * goes. */
void
pull_give_up (struct job *job, const char *reason)
{
  pthread_mutex_lock (&job->lock);
  job_mark_broken (job, reason);
  pthread_mutex_unlock (&job->lock);
  capture_give_up (pull_of (job)->capture);
}

/* The request's disks are needed until they are exposed. */
static int
describe_capture (struct job *job, struct capture_request *request)
{
  const struct plan *plan = job->plan;
  struct pull *pull = pull_of (job);
  size_t i;

  pull->disks = calloc (plan->nr_disks, sizeof *pull->disks);
  if (pull->disks == NULL)
    return fail_errno (ERROR_SYSTEM, "backup");
  for (i = 0; i < plan->nr_disks; i++) {
    const struct plan_disk *disk = &plan->disks[i];

    pull->disks[i] = (struct capture_disk){
      .disk = disk->disk,
      .export_name = disk->export_name,
      .scratch = disk->scratch,
      .scratch_limit = plan->scratch_limit / plan->nr_disks,
      .new_bitmap = disk->new_bitmap,
      .change_maps = disk->change_maps,
      .nr_change_maps = disk->nr_change_maps,
      .changes_only = disk->changes_only,
    };
  }
  request->job = job->name;
  request->nbd_socket = pull->nbd_socket;
  request->disks = pull->disks;
  request->nr_disks = plan->nr_disks;
  return 0;
}

int
pull_prepare_capture (struct job *job, const struct job_request *wanted)
{
  struct capture_request request = {
    .method = wanted->method,
    .no_pause = wanted->no_pause,
    .reclaim = wanted->reclaim,
  };

  if (describe_capture (job, &request) == -1)
    return -1;
  pull_of (job)->capture = capture_prepare (job->qmp, &request);
  return pull_of (job)->capture ? 0 : -1;
}

int
pull_resume_capture (struct job *job, json_object *json)
{
  struct pull *pull = pull_of (job);
  struct capture_request request = { .method = CAPTURE_AUTO };
  json_object *capture;

  if (!json_object_object_get_ex (json, "capture", &capture) ||
      describe_capture (job, &request) == -1)
    return -1;
  pull->capture = capture_resume (job->qmp, &request, capture);
  if (pull->capture == NULL)
    return -1;
  pull->record = capture_record (pull->capture);
  return 0;
}

int
pull_expose (struct job *job)
{
  struct pull *pull = pull_of (job);

  if (capture_expose (pull->capture) == -1)
    return -1;
  pull->record = capture_record (pull->capture);
  return 0;
}

int
pull_probe_disk (struct job *job, const struct plan_disk *disk)
{
  return datapath_probe (pull_of (job)->datapath, disk->export_name,
                         !disk->changes_only && !pull_of (job)->reclaim);
}

/* QEMU raises no event when it gives up a point in time for the guest's sake.
 */
void
pull_probe_all (struct job *job)
{
  size_t i;

  for (i = 0; i < job->plan->nr_disks; i++) {
    if (pull_probe_disk (job, &job->plan->disks[i]) == -1) {
      LOCK_IN_SCOPE (&job->lock);

      job_mark_broken (job, error_message ());
    }
  }
}

/* The metadata is committed before the capture is taken down: a daemon that
 * dies in between leaves a checkpoint that is whole. */
int
pull_end_capture (struct job *job, bool commit)
{
  CLEANUP_FREE char *why = NULL;

  if (commit && job_commit_checkpoint (job) == -1) {
    commit = false;
    why = strdup (error_message ());
  }
  if (capture_end (pull_of (job)->capture, commit) == -1)
    return -1;
  return why ? fail (ERROR_SYSTEM, "%s", why) : 0;
}

/* A QEMU that did not answer in time is asked again when the job is
 * ended again, one that lost only its monitor by a new connection. */
int
pull_stop_exports (struct job *job)
{
  CLEANUP_QMP struct qmp *again = NULL;
  CLEANUP_FREE char *why = NULL;

  if (capture_stop_exports (pull_of (job)->capture) == 0)
    return 0;
  why = strdup (error_message ());
  pthread_mutex_lock (&job->lock);
  job_mark_broken (job, error_message ());
  pthread_mutex_unlock (&job->lock);
  if (monitor_is_gone (job->monitor))
    return 0;
  again = qmp_connect (job->monitor, NULL, NULL);
  if (again && capture_recover_exports (again, job->name) == 0)
    return 0;
  return fail (ERROR_QEMU,
               "the backup of domain '%s' is void and cannot be ended yet, "
               "since QEMU still serves it; repeat 'pullback backup-end %s "
               "--abort' when QEMU answers: %s",
               job->domain, job->domain, why ? why : "out of memory");
}
