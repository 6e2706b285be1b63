/* SPDX-License-Identifier: BSD-3-Clause */
/* What is told of a pull backup: how it was cut, and of each disk where it is
 * read and how much of its scratch file is used. */

#include <config.h>

#include "common/cleanup.h"
#include "controller/domain/job-pull.h"
#include "controller/domain/json.h"
#include "controller/domain/uri.h"

static char *
export_uri (const struct backup *backup, char *export_name)
{
  const struct backup_network where = { .export_name = export_name,
                                        .transport = backup->transport,
                                        .socket = backup->socket,
                                        .host = backup->host,
                                        .port = backup->port };
  const struct uri_tls tls = { 0 };

  return nbd_uri (&where, backup->tls ? &tls : NULL);
}

void
pull_describe (struct job *job, json_object *json)
{
  const struct capture_report *report = capture_report (pull_of (job)->capture);

  json_add_text (json, "method", capture_method_name (report->method));
  json_add_text (json, "promise", report->promise);
  json_add_bool (json, "reclaim", pull_of (job)->reclaim);
  job_describe_cut (&report->cut, report->pause_microseconds, json);
  if (job->plan->scratch_limit)
    json_add_number (json, "scratch_limit", (int64_t) job->plan->scratch_limit);
}

void
pull_describe_disk (struct job *job, size_t index, json_object *json)
{
  const struct plan_disk *disk = &job->plan->disks[index];
  CLEANUP_FREE char *uri = export_uri (job->plan->backup, disk->export_name);
  json_object *bases = json_object_new_array ();
  size_t i;

  json_add_text (json, "export", disk->export_name);
  json_add_text (json, "uri", uri);
  for (i = 0; i < disk->nr_change_maps; i++)
    json_object_array_add (
        bases, json_object_new_string (disk->change_maps[i].checkpoint));
  json_object_object_add (json, "bases", bases);
  json_add_text (json, "scratch", disk->scratch);
  json_add_number (
      json, "scratch_used",
      (int64_t) scratch_used (
          disk, capture_scratch_threshold (pull_of (job)->capture, index)));
  json_add_bool (json, "changes_only", disk->changes_only);
}
