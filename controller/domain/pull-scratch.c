/* SPDX-License-Identifier: BSD-3-Clause */
/* How full the scratch files of a pull backup are, and what follows from that:
 * word to who waits for events, or the backup's end for the guest's sake. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/job-pull.h"

/* What follows is called on the thread that watches the scratch files. */

static void
scratch_mark (void *opaque, const char *disk, unsigned percent)
{
  struct job *job = opaque;
  LOCK_IN_SCOPE (&job->lock);

  job_tell_scratch (job, disk, percent);
}

static void
scratch_exhausted (void *opaque, const char *reason)
{
  pull_give_up (opaque, reason);
}

static void
scratch_full (void *opaque, const char *disk)
{
  struct job *job = opaque;
  CLEANUP_FREE char *broken = job_reason (job);
  CLEANUP_FREE char *reason = NULL;
  size_t i;

  if (broken)
    return;
  for (i = 0; i < job->plan->nr_disks; i++)
    if (strcmp (job->plan->disks[i].disk->name, disk) == 0)
      break;
  if (pull_probe_disk (job, &job->plan->disks[i]) == 0)
    return;
  if (asprintf (&reason,
                "disk '%s': the file system of the scratch file is full (%s)",
                disk, error_message ()) == -1)
    reason = NULL;
  scratch_exhausted (opaque, reason ? reason : error_message ());
}

int
pull_watch_scratch (struct job *job)
{
  const struct scratch_listener listener = { .opaque = job,
                                             .mark = scratch_mark,
                                             .exhausted = scratch_exhausted,
                                             .full = scratch_full };
  struct pull *pull = pull_of (job);
  CLEANUP_FREE uint64_t *thresholds =
      calloc (job->plan->nr_disks, sizeof *thresholds);
  size_t i;

  if (thresholds == NULL)
    return fail_errno (ERROR_SYSTEM, "backup");
  for (i = 0; i < job->plan->nr_disks; i++)
    thresholds[i] = capture_scratch_threshold (pull->capture, i);
  pull->watch = scratch_watch_start (job->plan, thresholds, &listener);
  return pull->watch ? 0 : -1;
}
