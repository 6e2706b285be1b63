/* SPDX-License-Identifier: BSD-3-Clause */
/* What a job writes in its journal, and a job that is made of that again. */

#include <config.h>

#include <limits.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/job-kind.h"
#include "controller/domain/journal.h"
#include "controller/domain/json.h"
#include "controller/domain/monitor.h"
#include "controller/qmp/json.h"

int
job_save (struct job *job)
{
  CLEANUP_JSON json_object *json = json_object_new_object ();
  const bool pull = job->plan->backup->mode == BACKUP_PULL;

  json_add_text (json, "phase", job->at_work ? "running" : "beginning");
  json_add_text (json, "job", job->name);
  json_add_text (json, "folder", job->folder);
  json_add_text (json, "mode", pull ? "pull" : "push");
  json_add_number (json, "max_seconds", job->max_seconds);
  /* Of a clock that goes on until the machine is started again, when there is
   * no job to be taken up. */
  json_add_number (json, "ends_at", job->ends_at);
  quiesce_describe (&job->quiesce, json);
  return plan_record (job->plan, json) == -1 ||
                 job->kind->record (job, json) == -1
             ? -1
             : journal_write (job->state, job->domain, json);
}

/* The disks as QEMU has them now. */
static int
restore_plan (struct job *job, const struct job_request *request,
              json_object *json)
{
  struct disk_list *inventory = monitor_disks (job->qmp, request->domain);

  if (inventory == NULL)
    return -1;
  job->plan = plan_restore (job->state, request->domain, inventory, json);
  return job->plan ? 0 : -1;
}

/* The run folder is that of the daemon that began it. */
static int
restore_folder (struct job *job, json_object *json)
{
  const char *folder = qmp_string (json, "folder");

  free (job->folder);
  job->folder = folder ? strdup (folder) : NULL;
  return job->folder ? 0 : fail (ERROR_SYSTEM, "the journal names no folder");
}

struct job *
job_take_up (const struct job_request *request, json_object *json,
             bool *reached)
{
  const char *name = qmp_string (json, "job");
  int64_t seconds;
  CLEANUP_JOB struct job *job = job_new (
      request, qmp_string_is (json, "mode", "push") ? BACKUP_PUSH : BACKUP_PULL,
      name ? name : "");

  if (job == NULL || job_connect (job) == -1) {
    *reached = job != NULL && !job->qmp ? false : true;
    return NULL;
  }
  *reached = true;
  if (job->kind->take_up == NULL) {
    fail (ERROR_UNSUPPORTED, "a push backup is not");
    return NULL;
  }
  job->at_work = true;
  job->outcome = JOB_RUNNING;
  if (json_get_number (json, "max_seconds", 0, UINT_MAX, 0, &seconds) == -1 ||
      json_get_number (json, "ends_at", 0, INT64_MAX, 0, &job->ends_at) == -1)
    return NULL;
  job->max_seconds = seconds;
  if (restore_folder (job, json) == -1 ||
      quiesce_restore (&job->quiesce, json) == -1 ||
      restore_plan (job, request, json) == -1 ||
      job->kind->take_up (job, request, json) == -1)
    return NULL;
  job_tell_resumed (job, "a new daemon has taken it up");
  return STEAL (job);
}
