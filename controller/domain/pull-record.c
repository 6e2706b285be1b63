/* SPDX-License-Identifier: BSD-3-Clause */
/* What the journal has of a pull backup, and the files that go with it when it
 * ends or cannot be taken up. */

#include <config.h>

#include <unistd.h>

#include "common/cleanup.h"
#include "controller/domain/job-pull.h"
#include "controller/domain/json.h"

static int
for_each_reclaimed (struct job *job, int (*call) (const char *path, void *),
                    void *opaque)
{
  size_t i;

  for (i = 0; pull_of (job)->reclaim && i < job->plan->nr_disks; i++) {
    CLEANUP_FREE char *path =
        datapath_reclaimed (job->folder, job->plan->disks[i].export_name);

    if (path == NULL || call (path, opaque) == -1)
      return -1;
  }
  return 0;
}

static int
add_file (const char *path, void *files)
{
  return json_object_array_add (files, json_object_new_string (path));
}

static int
remove_file (const char *path, void *opaque)
{
  (void) opaque;
  unlink (path);
  return 0;
}

void
pull_remove_reclaimed (struct job *job)
{
  for_each_reclaimed (job, remove_file, NULL);
}

int
pull_record (struct job *job, json_object *json)
{
  const struct pull *pull = pull_of (job);
  json_object *files = json_object_new_array ();
  size_t i;

  json_object_object_add (json, "files", files);
  json_object_array_add (files, json_object_new_string (pull->nbd_socket));
  for (i = 0; i < job->plan->nr_disks; i++)
    json_object_array_add (
        files, json_object_new_string (job->plan->disks[i].scratch));
  if (for_each_reclaimed (job, add_file, files) == -1)
    return -1;
  if (pull->tickets)
    json_object_object_add (json, "tickets",
                            tickets_record (pull->tickets, files));
  json_add_bool (json, "certificates", pull->use_certificates);
  json_add_bool (json, "insecure", pull->insecure);
  json_add_bool (json, "forgotten", pull->forgotten);
  json_add_bool (json, "reclaim", pull->reclaim);
  json_add_text (json, "socket", job->plan->backup->socket);
  json_object_object_add (json, "capture", json_object_get (pull->record));
  return 0;
}

int
pull_read_record (struct pull *pull, json_object *json)
{
  return json_get_bool (json, "certificates", &pull->use_certificates) == -1 ||
                 json_get_bool (json, "insecure", &pull->insecure) == -1 ||
                 json_get_bool (json, "forgotten", &pull->forgotten) == -1 ||
                 json_get_bool (json, "reclaim", &pull->reclaim) == -1
             ? -1
             : 0;
}
