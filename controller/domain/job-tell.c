/* SPDX-License-Identifier: BSD-3-Clause */
/* What a job tells those who wait for events, and the log: that it began, goes
 * on, is short of room, is broken or has ended. */

#include <config.h>

#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/job-kind.h"
#include "controller/domain/json.h"

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

const char *
job_mode (const struct job *job)
{
  return job->plan->backup->mode == BACKUP_PULL ? "pull" : "push";
}

void
job_tell (struct job *job, enum event_kind kind, const char *reason, bool kept)
{
  json_object *data = json_object_new_object ();
  const char *checkpoint = job_checkpoint (job);

  json_add_text (data, "mode", job_mode (job));
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
void
job_tell_begun (struct job *job)
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
