/* SPDX-License-Identifier: BSD-3-Clause */
/* What the life of a backup has in common, whether it is pulled or pushed: the
 * connection and its events, the plan, the journal, the checkpoint. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/generation.h"
#include "controller/domain/job_kind.h"
#include "controller/domain/journal.h"
#include "controller/domain/json.h"
#include "controller/domain/reconcile.h"

void
job_mark_broken (struct job *job, const char *reason)
{
  if (job->broken)
    return;
  log_line ("the backup of domain '%s' is broken: %s", job->domain, reason);
  job->broken = strdup (reason);
}

/* On the reader thread of the monitor's connection. */
static void
event_came (void *opaque, const char *event, json_object *data)
{
  struct job *job = opaque;
  LOCK_IN_SCOPE (&job->lock);

  if (job->judging)
    job->kind->judge (job, event, data);
  /* Jobs say their every step, many for each disk, which would leave no place
   * for the rest; how they stand is asked for when the judging starts. */
  else if (strcmp (event, "JOB_STATUS_CHANGE") != 0 &&
           job->nr_early < MAX_EARLY_EVENTS) {
    struct early_event *early = &job->early[job->nr_early++];

    /* A copy: counting references is not safe between threads in json-c. */
    early->name = strdup (event);
    if (data)
      json_object_deep_copy (data, &early->data, NULL);
  }
}

void
job_start_judging (struct job *job)
{
  LOCK_IN_SCOPE (&job->lock);
  size_t i;

  job->judging = true;
  for (i = 0; i < job->nr_early; i++) {
    if (job->early[i].name)
      job->kind->judge (job, job->early[i].name, job->early[i].data);
  }
}

/* What judges is about to go. */
static void
stop_judging (struct job *job)
{
  LOCK_IN_SCOPE (&job->lock);

  job->judging = false;
}

void
job_free (struct job *job)
{
  size_t i;

  if (job == NULL)
    return;
  stop_judging (job);
  if (job->parts)
    job->kind->free (job);
  qmp_close (job->qmp);
  plan_free (job->plan);
  for (i = 0; i < job->nr_early; i++) {
    free (job->early[i].name);
    json_object_put (job->early[i].data);
  }
  pthread_mutex_destroy (&job->lock);
  free (job->broken);
  free (job->folder);
  free (job->monitor);
  free (job->domain);
  free (job->state);
  free (job);
}

static void
cleanup_job_free (struct job **job)
{
  job_free (*job);
}
#define CLEANUP_JOB __attribute__ ((cleanup (cleanup_job_free)))

/* What a capture's names allow, and a name that no other job has. */
static int
choose_job_name (struct job *job)
{
  CLEANUP_FREE char *random = generation_new ();

  if (random == NULL)
    return -1;
  snprintf (job->name, sizeof job->name, "pullback%.8s",
            generation_digest (random).text);
  return 0;
}

static struct job *
job_new (const struct job_request *request, const struct job_kind *kind)
{
  CLEANUP_JOB struct job *job = calloc (1, sizeof *job);

  if (job == NULL) {
    fail_errno (ERROR_SYSTEM, "backup");
    return NULL;
  }
  pthread_mutex_init (&job->lock, NULL);
  job->kind = kind;
  job->outcome = JOB_RUNNING;
  job->changed = request->changed;
  job->changed_opaque = request->changed_opaque;
  job->state = strdup (request->state);
  job->domain = strdup (request->domain->name);
  job->monitor = strdup (request->domain->qmp);
  if (job->state == NULL || job->domain == NULL || job->monitor == NULL ||
      asprintf (&job->folder, "%s/%s", request->run, job->domain) == -1) {
    fail_errno (ERROR_SYSTEM, "backup");
    return NULL;
  }
  if (choose_job_name (job) == -1)
    return NULL;
  if (mkdir (job->folder, 0700) == -1 && errno != EEXIST) {
    fail_errno (ERROR_SYSTEM, "cannot make the folder '%s'", job->folder);
    return NULL;
  }
  return STEAL (job);
}

static const struct job_kind *const kinds[] = {
  [BACKUP_PULL] = &job_pull,
  [BACKUP_PUSH] = &job_push,
};

/* Rolls back by itself as far as QEMU answers. */
static struct job *
begin (const struct job_request *request, struct backup *backup,
       struct checkpoint *checkpoint)
{
  CLEANUP_BACKUP struct backup *owned_backup = backup;
  CLEANUP_CHECKPOINT struct checkpoint *owned_checkpoint = checkpoint;
  CLEANUP_JOB struct job *job = job_new (request, kinds[backup->mode]);
  const struct plan_request plan = { .state = request->state,
                                     .domain = request->domain,
                                     .scratch_folder = request->scratch_folder,
                                     .reuse_external =
                                         request->reuse_external };
  struct reconcile_request look = { .state = request->state,
                                    .domain = request->domain,
                                    .findings = request->findings };
  CLEANUP_RECONCILED struct reconciled now = { 0 };

  if (job == NULL)
    return NULL;
  job->qmp = qmp_connect (request->domain->qmp, event_came, job);
  if (job->qmp == NULL) {
    fail_prefix ("domain '%s'", job->domain);
    return NULL;
  }
  look.qmp = job->qmp;
  if (reconcile (&look, &now) == -1)
    return NULL;
  job->plan = plan_new (&plan, STEAL (owned_backup), STEAL (owned_checkpoint),
                        STEAL (now.disks));
  if (job->plan == NULL || job->kind->begin (job, request) == -1)
    return NULL;
  return STEAL (job);
}

/* What a begin or an end could not remove, since QEMU did not answer, is tried
 * once more by the journal; if that fails, too, before the next operation.  The
 * error stays. */
static void
clean_up (const char *state, const struct domain_record *domain)
{
  CLEANUP_FREE char *error = strdup (error_message ());
  enum error_kind kind = error_kind ();

  if (journal_exists (state, domain->name) &&
      journal_recover (state, domain) == -1)
    log_line ("what the backup of domain '%s' left cannot be removed: %s",
              domain->name, error_message ());
  fail (kind, "%s", error ? error : "out of memory");
}

struct job *
job_begin (const struct job_request *request, struct backup *backup,
           struct checkpoint *checkpoint)
{
  struct job *job;

  /* The new job's journal would take the place of that one. */
  if (journal_exists (request->state, request->domain->name) &&
      journal_recover (request->state, request->domain) == -1) {
    backup_free (backup);
    checkpoint_free (checkpoint);
    fail_prefix ("what an earlier backup of domain '%s' left cannot be removed",
                 request->domain->name);
    return NULL;
  }
  job = begin (request, backup, checkpoint);
  if (job == NULL)
    clean_up (request->state, request->domain);
  return job;
}

bool
job_running (const struct job *job)
{
  return job && job->outcome == JOB_RUNNING;
}

void
job_settle (struct job *job)
{
  if (job_running (job) && job->kind->settle)
    job->kind->settle (job);
}

struct qmp *
job_monitor (struct job *job)
{
  return job->qmp;
}

const char *
job_checkpoint (const struct job *job)
{
  return job->plan->checkpoint ? job->plan->checkpoint->name : NULL;
}

char *
job_broken_reason (struct job *job)
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
  if (catalogue_set_current (job->state, job->domain, checkpoint->name) == 0)
    return 0;
  CLEANUP_FREE char *why = strdup (error_message ());
  catalogue_remove_checkpoint (job->state, job->domain, checkpoint->name);
  return fail (ERROR_SYSTEM, "%s", why ? why : "out of memory");
}

int
job_check_end (struct job *job, bool abort)
{
  return job->kind->check_end ? job->kind->check_end (job, abort) : 0;
}

int
job_end (struct job *job, bool abort, bool *committed)
{
  bool kept = false;
  int r = job->kind->end (job, abort, &kept);

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

static const char *const outcomes[] = {
  [JOB_RUNNING] = "running",
  [JOB_COMPLETED] = "completed",
  [JOB_FAILED] = "failed",
  [JOB_CANCELLED] = "cancelled",
};

static json_object *
describe_disk (struct job *job, size_t i)
{
  const struct plan_disk *disk = &job->plan->disks[i];
  json_object *json = json_object_new_object ();

  json_add_text (json, "name", disk->disk->name);
  json_add_number (json, "size", (int64_t) disk->disk->size);
  json_add_text (json, "mode", disk->incremental ? "incremental" : "full");
  json_add_text (json, "incremental", disk->incremental);
  json_add_text (json, "fallback", disk->fallback);
  job->kind->describe_disk (job, i, json);
  return json;
}

json_object *
job_describe (struct job *job)
{
  CLEANUP_JSON json_object *json = json_object_new_object ();
  CLEANUP_FREE char *broken = job_broken_reason (job);
  CLEANUP_FREE char *xml = backup_format (job->plan->backup);
  json_object *disks = json_object_new_array ();
  size_t i;

  json_object_object_add (json, "disks", disks);
  if (xml == NULL)
    return NULL;
  json_add_text (json, "domain", job->domain);
  json_add_text (json, "mode",
                 job->plan->backup->mode == BACKUP_PULL ? "pull" : "push");
  json_add_text (json, "state",
                 job_running (job) && broken ? "broken"
                                             : outcomes[job->outcome]);
  json_add_text (json, "reason", broken);
  json_add_text (json, "checkpoint", job_checkpoint (job));
  json_add_text (json, "xml", xml);
  job->kind->describe (job, json);
  for (i = 0; i < job->plan->nr_disks; i++)
    json_object_array_add (disks, describe_disk (job, i));
  return STEAL (json);
}
