/* SPDX-License-Identifier: BSD-3-Clause */
/* What all jobs have in common, pulled or pushed: what one consists of, its
 * checkpoint, and its end. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/job-kind.h"

void
job_free (struct job *job)
{
  if (job == NULL)
    return;
  job_stop_judging (job);
  if (job->parts)
    job->kind->free (job);
  qmp_close (job->qmp);
  plan_free (job->plan);
  quiesce_clear (&job->quiesce);
  json_object_put (job->first_ticket);
  job_forget_events (job);
  pthread_mutex_destroy (&job->lock);
  free (job->broken);
  free (job->folder);
  free (job->monitor);
  free (job->domain);
  free (job->state);
  free (job);
}

static const struct job_kind *const kinds[] = {
  [BACKUP_PULL] = &job_pull,
  [BACKUP_PUSH] = &job_push,
};

struct job *
job_new (const struct job_request *request, enum backup_mode mode,
         const char *name)
{
  CLEANUP_JOB struct job *job = calloc (1, sizeof *job);

  if (job == NULL) {
    fail_errno (ERROR_SYSTEM, "backup");
    return NULL;
  }
  pthread_mutex_init (&job->lock, NULL);
  job->kind = kinds[mode];
  snprintf (job->name, sizeof job->name, "%s", name);
  job->outcome = JOB_PREPARED;
  job->changed = request->changed;
  job->changed_opaque = request->changed_opaque;
  job->events = request->events;
  if (request->quiesce) {
    job->quiesce = *request->quiesce;
    *request->quiesce = (struct quiesce){ 0 };
  }
  job->state = strdup (request->state);
  job->domain = strdup (request->domain->name);
  job->monitor = strdup (request->domain->qmp);
  if (job->state == NULL || job->domain == NULL || job->monitor == NULL ||
      asprintf (&job->folder, "%s/%s", request->run, job->domain) == -1) {
    fail_errno (ERROR_SYSTEM, "backup");
    return NULL;
  }
  if (mkdir (job->folder, 0700) == -1 && errno != EEXIST) {
    fail_errno (ERROR_SYSTEM, "cannot make the folder '%s'", job->folder);
    return NULL;
  }
  return STEAL (job);
}

bool
job_running (const struct job *job)
{
  return job && job->outcome <= JOB_RUNNING;
}

void
job_let_go (struct job *job)
{
  qmp_close (job->qmp);
  job->qmp = NULL;
}

struct qmp *
job_monitor (struct job *job)
{
  return job->qmp;
}

const char *
job_name (const struct job *job)
{
  return job->name;
}

const char *
job_checkpoint (const struct job *job)
{
  return job->plan->checkpoint ? job->plan->checkpoint->name : NULL;
}

char *
job_reason (struct job *job)
{
  LOCK_IN_SCOPE (&job->lock);

  return job->broken ? strdup (job->broken) : NULL;
}

int
job_commit_checkpoint (struct job *job)
{
  const struct checkpoint *checkpoint = job->plan->checkpoint;

  if (checkpoint == NULL)
    return 0;
  if (catalogue_add_checkpoint (job->state, job->domain, checkpoint) == -1)
    return -1;
  if (catalogue_set_current (job->state, job->domain, checkpoint->name) == 0) {
    event_tell_created (job->events, job->domain, checkpoint->name, "backup");
    return 0;
  }
  CLEANUP_FREE char *why = strdup (error_message ());
  catalogue_remove_checkpoint (job->state, job->domain, checkpoint->name);
  return fail (ERROR_SYSTEM, "%s", why ? why : "out of memory");
}

int
job_take_back (struct job *job)
{
  CLEANUP_FREE char *error = strdup (error_message ());
  enum error_kind kind = error_kind ();
  int r = job->kind->check_end (job, true);
  bool kept;

  if (r == 0)
    job->kind->end (job, true, &kept);
  fail (kind, "%s", error ? error : "out of memory");
  return r;
}

int
job_check_end (struct job *job, bool abort)
{
  if (job->outcome == JOB_PREPARED && !abort)
    return fail (ERROR_CONFLICT,
                 "the backup of domain '%s' is only prepared; 'pullback "
                 "backup-cut %s' takes its point in time, 'pullback backup-end "
                 "--abort %s' gives it up",
                 job->domain, job->domain, job->domain);
  if (job->outcome == JOB_COMPLETED && abort)
    return fail (ERROR_CONFLICT,
                 "the backup of domain '%s' has completed already; end it "
                 "without --abort%s",
                 job->domain,
                 job_checkpoint (job)
                     ? ", and remove its checkpoint with checkpoint-delete"
                     : "");
  return job_running (job) ? job->kind->check_end (job, abort) : 0;
}

int
job_check_complete (struct job *job)
{
  CLEANUP_FREE char *broken = job_reason (job);

  if (job->outcome != JOB_RUNNING || broken ||
      job->kind->check_complete == NULL)
    return 0;
  return job->kind->check_complete (job);
}

int
job_end (struct job *job, bool abort, bool *committed)
{
  bool kept = job->outcome == JOB_COMPLETED;
  bool running = job_running (job);
  int r = 0;

  if (running)
    r = job->kind->end (job, abort, &kept);
  else if (!kept && !abort)
    r = job_fail_void (job, job->broken);
  if (running && job->begun)
    job_tell (job, job->kind->ended, r == -1 ? error_message () : NULL, kept);
  if (committed)
    *committed = kept && job->plan->checkpoint;
  job_free (job);
  return r;
}

int
job_fail_void (struct job *job, const char *reason)
{
  const char *checkpoint = job_checkpoint (job);

  return fail (ERROR_QEMU,
               "the backup of domain '%s' had broken and is void: %s%s%s%s",
               job->domain, reason, checkpoint ? "; checkpoint '" : "",
               checkpoint ? checkpoint : "", checkpoint ? "' was removed" : "");
}
