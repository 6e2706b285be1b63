/* SPDX-License-Identifier: BSD-3-Clause */
/* What the life of a backup has in common, whether it is pulled or pushed: the
 * connection and its events, the plan, the journal, the checkpoint. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/generation.h"
#include "controller/domain/job_kind.h"
#include "controller/domain/journal.h"
#include "controller/domain/json.h"
#include "controller/domain/monitor.h"
#include "controller/domain/reconcile.h"
#include "controller/domain/recovery.h"

void
job_mark_broken (struct job *job, const char *reason)
{
  if (job->broken)
    return;
  log_line ("the backup of domain '%s' is broken: %s", job->domain, reason);
  job->broken = strdup (reason);
  if (job->begun)
    job_tell (job, EVENT_BACKUP_BROKEN, reason, false);
}

static const char *
mode_of (const struct job *job)
{
  return job->plan->backup->mode == BACKUP_PULL ? "pull" : "push";
}

void
job_tell (struct job *job, enum event_kind kind, const char *reason, bool kept)
{
  json_object *data = json_object_new_object ();
  const char *checkpoint = job_checkpoint (job);

  json_add_text (data, "mode", mode_of (job));
  if (checkpoint) {
    json_add_text (data, "checkpoint", checkpoint);
    if (kind != EVENT_BACKUP_BEGAN && kind != EVENT_BACKUP_BROKEN &&
        kind != EVENT_BACKUP_RESUMED)
      json_add_bool (data, "committed", kept);
  }
  if (reason)
    json_add_text (data, "reason", reason);
  event_emit (job->events, job->domain, kind, data);
}

/* It can have broken before this: nothing is told of one that never begins. */
static void
tell_begun (struct job *job)
{
  LOCK_IN_SCOPE (&job->lock);

  job_tell (job, EVENT_BACKUP_BEGAN, NULL, false);
  if (job->broken)
    job_tell (job, EVENT_BACKUP_BROKEN, job->broken, false);
  job->begun = true;
}

void
job_tell_scratch (struct job *job, const char *disk, unsigned percent)
{
  json_object *data = json_object_new_object ();

  log_line (
      "the backup of domain '%s' has used up %u%% of the room for scratch "
      "files%s%s",
      job->domain, percent, disk ? " of disk " : "", disk ? disk : "");
  if (disk)
    json_add_text (data, "disk", disk);
  json_add_number (data, "percent", percent);
  event_emit (job->events, job->domain, EVENT_BACKUP_SCRATCH, data);
}

void
job_tell_resumed (struct job *job, const char *reason)
{
  LOCK_IN_SCOPE (&job->lock);

  log_line ("the backup of domain '%s' goes on: %s", job->domain, reason);
  if (job->at_work)
    job_tell (job, EVENT_BACKUP_RESUMED, reason, false);
  job->begun = job->at_work;
}

/* On the reader thread of the monitor's connection. */
static void
event_came (void *opaque, const char *event, json_object *data)
{
  struct job *job = opaque;
  LOCK_IN_SCOPE (&job->lock);

  if (job->judging)
    job->kind->judge (job, event, data);
  else if (*event == '\0')
    job_mark_broken (job, "the connection to QEMU is lost: it has ended, or "
                          "its monitor was taken away");
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

static void
forget_events (struct job *job)
{
  LOCK_IN_SCOPE (&job->lock);
  size_t i;

  for (i = 0; i < job->nr_early; i++) {
    free (job->early[i].name);
    json_object_put (job->early[i].data);
    job->early[i] = (struct early_event){ 0 };
  }
  job->nr_early = 0;
}

void
job_free (struct job *job)
{
  if (job == NULL)
    return;
  stop_judging (job);
  if (job->parts)
    job->kind->free (job);
  qmp_close (job->qmp);
  plan_free (job->plan);
  quiesce_clear (&job->quiesce);
  json_object_put (job->first_ticket);
  forget_events (job);
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

int
job_connect (struct job *job)
{
  job->qmp = qmp_connect (job->monitor, event_came, job);
  return job->qmp ? 0 : fail_prefix ("domain '%s'", job->domain);
}

/* What a capture's names allow, and a name that no other job has. */
static struct job *
job_new_with_name (const struct job_request *request, enum backup_mode mode)
{
  CLEANUP_FREE char *random = generation_new ();
  char name[sizeof ((struct job *) NULL)->name];

  if (random == NULL)
    return NULL;
  snprintf (name, sizeof name, "pullback%.8s", generation_digest (random).text);
  return job_new (request, mode, name);
}

/* Rolls back by itself as far as QEMU answers. */
static struct job *
prepare (const struct job_request *request, struct backup *backup,
         struct checkpoint *checkpoint)
{
  CLEANUP_BACKUP struct backup *owned_backup = backup;
  CLEANUP_CHECKPOINT struct checkpoint *owned_checkpoint = checkpoint;
  CLEANUP_JOB struct job *job = job_new_with_name (request, backup->mode);
  const struct plan_request plan = { .state = request->state,
                                     .domain = request->domain,
                                     .scratch = request->scratch,
                                     .reuse_external = request->reuse_external,
                                     .changes_only = request->changes_only };
  struct reconcile_request look = { .state = request->state,
                                    .domain = request->domain,
                                    .findings = request->findings };
  CLEANUP_RECONCILED struct reconciled now = { 0 };

  if (job == NULL || job_connect (job) == -1)
    return NULL;
  look.qmp = job->qmp;
  if (reconcile (&look, &now) == -1)
    return NULL;
  job->plan = plan_new (&plan, STEAL (owned_backup), STEAL (owned_checkpoint),
                        STEAL (now.disks));
  if (job->plan == NULL || job->kind->prepare (job, request) == -1)
    return NULL;
  job->max_seconds = request->max_seconds;
  job_start_waiting (job, request->wait_seconds);
  return STEAL (job);
}

/* What a begin or an end could not remove, since QEMU did not answer, is tried
 * once more by the journal; if that fails, too, from time to time.  The error
 * stays. */
static void
clean_up (const char *state, const struct domain_record *domain)
{
  CLEANUP_FREE char *error = strdup (error_message ());
  enum error_kind kind = error_kind ();

  if (journal_exists (state, domain->name) &&
      job_take_down (state, domain) == -1)
    log_line ("what the backup of domain '%s' left cannot be removed: %s",
              domain->name, error_message ());
  fail (kind, "%s", error ? error : "out of memory");
}

struct job *
job_prepare (const struct job_request *request, struct backup *backup,
             struct checkpoint *checkpoint)
{
  struct job *job = prepare (request, backup, checkpoint);

  if (job == NULL)
    clean_up (request->state, request->domain);
  return job;
}

/* Of one that was planned: still there, under the same nodes, of its size? */
static int
check_disk (const struct disk *planned, struct disk_list *disks)
{
  const struct disk *disk = disk_by_name (disks, planned->name);

  /* What was unplugged, or is under a filter of others, may have no nodes. */
  if (disk && disk->node && disk->top && disk->size == planned->size &&
      strcmp (disk->node, planned->node) == 0 &&
      strcmp (disk->top, planned->top) == 0)
    return 0;
  return fail (ERROR_CONFLICT,
               "disk '%s' %s since the backup was prepared; begin it anew",
               planned->name, disk ? "has changed" : "has gone");
}

/* A disk that got another image while the job waited would be cut in the one
 * that it had. */
static int
check_disks (struct job *job, const struct domain_record *domain)
{
  CLEANUP_DISK_LIST struct disk_list *disks = monitor_disks (job->qmp, domain);
  size_t i;

  if (disks == NULL)
    return -1;
  for (i = 0; i < job->plan->nr_disks; i++)
    if (check_disk (job->plan->disks[i].disk, disks) == -1)
      return -1;
  return 0;
}

/* The error of the cut, if there is one, comes before that of the thaw. */
static int
cut_quiesced (struct job *job)
{
  CLEANUP_FREE char *error = NULL;
  enum error_kind kind;
  int r;

  if (quiesce_freeze (&job->quiesce) == -1)
    return -1;
  r = job->kind->cut (job);
  if (r == 0)
    return quiesce_thaw (&job->quiesce);
  error = strdup (error_message ());
  kind = error_kind ();
  quiesce_thaw (&job->quiesce);
  return fail (kind, "%s", error ? error : "out of memory");
}

static int
cut (struct job *job, const struct domain_record *domain)
{
  CLEANUP_FREE char *broken = job_reason (job);

  if (broken)
    return fail (ERROR_QEMU, "%s", broken);
  if (job->wait_seconds > 0 && check_disks (job, domain) == -1)
    return -1;
  /* All that came so far was before the point in time. */
  forget_events (job);
  job_start_clock (job);
  if (cut_quiesced (job) == -1 || job->kind->open (job) == -1)
    return -1;
  job->outcome = JOB_RUNNING;
  tell_begun (job);
  return 0;
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

struct job *
job_cut (struct job *job, const struct domain_record *domain)
{
  CLEANUP_FREE char *state = NULL;

  if (cut (job, domain) == 0)
    return job;
  job_take_back (job);
  state = STEAL (job->state);
  job_free (job);
  clean_up (state, domain);
  return NULL;
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

static const char *const outcomes[] = {
  [JOB_PREPARED] = "prepared",   [JOB_RUNNING] = "running",
  [JOB_COMPLETED] = "completed", [JOB_FAILED] = "failed",
  [JOB_CANCELLED] = "cancelled",
};

void
job_describe_cut (const struct cut_time *cut, uint64_t pause_microseconds,
                  json_object *json)
{
  json_add_number (json, "cut_time", (int64_t) (cut->since_epoch / 1000000));
  json_add_number (json, "cut_time_microseconds", (int64_t) cut->since_epoch);
  json_add_number (json, "cut_microseconds", (int64_t) cut->microseconds);
  json_add_number (json, "pause_microseconds", (int64_t) pause_microseconds);
}

/* Seconds that it may still be prepared. */
static void
describe_time (struct job *job, json_object *json)
{
  int64_t left;

  if (job_has_time (job, &left))
    json_add_number (json, job_waits (job) ? "waits" : "seconds_left",
                     left > 0 ? left / 1000 : 0);
}

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
  CLEANUP_FREE char *broken = job_reason (job);
  CLEANUP_FREE char *xml = backup_format (job->plan->backup);
  json_object *disks = json_object_new_array ();
  size_t i;

  json_object_object_add (json, "disks", disks);
  if (xml == NULL)
    return NULL;
  json_add_text (json, "domain", job->domain);
  json_add_text (json, "mode", mode_of (job));
  json_add_text (json, "state",
                 job_running (job) && broken ? "broken"
                                             : outcomes[job->outcome]);
  json_add_text (json, "reason", broken);
  json_add_text (json, "checkpoint", job_checkpoint (job));
  json_add_text (json, "xml", xml);
  describe_time (job, json);
  quiesce_describe (&job->quiesce, json);
  job->kind->describe (job, json);
  for (i = 0; i < job->plan->nr_disks; i++)
    json_object_array_add (disks, describe_disk (job, i));
  return STEAL (json);
}

void
job_describe_reads (struct job *job, json_object *json)
{
  const bool runs = job->outcome == JOB_RUNNING && job->kind->describe_reads;
  CLEANUP_JSON json_object *reads =
      runs ? job->kind->describe_reads (job) : NULL;
  json_object *disks;

  if (runs && reads == NULL)
    log_line ("domain '%s': what was read cannot be told: %s", job->domain,
              error_message ());
  if (reads == NULL || !json_object_object_get_ex (json, "disks", &disks))
    return;
  for (size_t i = 0; i < job->plan->nr_disks; i++) {
    json_object *disk = json_object_array_get_idx (disks, i);

    json_object_object_foreach (json_object_array_get_idx (reads, i), key,
                                value)
      json_object_object_add (disk, key, json_object_get (value));
  }
}
