/* SPDX-License-Identifier: BSD-3-Clause */
/* What time does to a job: one that is prepared waits only so long for its cut,
 * and one that was told to runs no longer than that.  By a clock that nobody
 * sets. */

#include <config.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/job-kind.h"

/* When one that is over its time could not be ended it is tried again. */
#define RETRY_MILLISECONDS 5000

static int64_t
now_milliseconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C (1000) + now.tv_nsec / 1000000;
}

void
job_start_waiting (struct job *job, unsigned seconds)
{
  job->wait_seconds = seconds;
  job->ends_at = now_milliseconds () + seconds * INT64_C (1000);
}

void
job_start_clock (struct job *job)
{
  job->ends_at = job->max_seconds
                     ? now_milliseconds () + job->max_seconds * INT64_C (1000)
                     : 0;
}

bool
job_waits (const struct job *job)
{
  return job && job->outcome == JOB_PREPARED;
}

bool
job_has_time (const struct job *job, int64_t *milliseconds)
{
  if (!job_running (job) || job->ends_at == 0)
    return false;
  *milliseconds = job->ends_at - now_milliseconds ();
  return true;
}

static bool
is_over_time (const struct job *job)
{
  int64_t left;

  return job_has_time (job, &left) && left <= 0;
}

/* The checkpoint goes with it, as with an abort.  Where QEMU cannot close its
 * connections now the job stays, broken. */
static void
give_up (struct job *job, const char *reason)
{
  pthread_mutex_lock (&job->lock);
  job_mark_broken (job, reason);
  pthread_mutex_unlock (&job->lock);
  if (job_take_back (job) == -1) {
    job->ends_at = now_milliseconds () + RETRY_MILLISECONDS;
    return;
  }
  job->outcome = JOB_FAILED;
  job_tell (job, EVENT_BACKUP_FAILED, reason, false);
  job_let_go (job);
}

void
job_settle (struct job *job)
{
  CLEANUP_FREE char *reason = NULL;
  int r;

  if (job_running (job) && !job_waits (job) && job->kind->settle)
    job->kind->settle (job);
  if (!is_over_time (job))
    return;
  if (job_waits (job))
    r = asprintf (&reason,
                  "it was prepared, and its point in time was not taken within "
                  "%u seconds",
                  job->wait_seconds);
  else
    r = asprintf (&reason,
                  "it had run for the %u seconds that it was given, and was "
                  "ended",
                  job->max_seconds);
  if (r == -1)
    reason = NULL;
  give_up (job, reason ? reason : "out of memory");
}
