/* SPDX-License-Identifier: BSD-3-Clause */
/* What is told of a job to who asks: how it stands, its disks, and what was
 * read of them. */

#include <config.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/job-kind.h"
#include "controller/domain/json.h"

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
  json_add_text (json, "mode", job_mode (job));
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
