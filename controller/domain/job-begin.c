/* SPDX-License-Identifier: BSD-3-Clause */
/* How a backup begins, pulled or pushed: it is planned and prepared, and then,
 * with the guest quiesced if that is wanted, cut.  What fails leaves nothing.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/generation.h"
#include "controller/domain/job-kind.h"
#include "controller/domain/journal.h"
#include "controller/domain/monitor.h"
#include "controller/domain/reconcile.h"
#include "controller/domain/recovery.h"

/* What a capture's names allow, and a name that no other job has; short, since
 * it is in most of what QEMU is told. */
static struct job *
job_new_with_name (const struct job_request *request, enum backup_mode mode)
{
  CLEANUP_FREE char *random = generation_new ();
  char name[sizeof ((struct job *) NULL)->name];

  if (random == NULL)
    return NULL;
  snprintf (name, sizeof name, "pb%.6s", generation_digest (random).text);
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
  job_forget_events (job);
  job_start_clock (job);
  if (cut_quiesced (job) == -1 || job->kind->open (job) == -1)
    return -1;
  job->outcome = JOB_RUNNING;
  job_tell_begun (job);
  return 0;
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
