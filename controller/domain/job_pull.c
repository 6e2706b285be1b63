/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a pull backup, in the order that keeps the guest unharmed: all
 * that can fail comes before the cut; at the end QEMU closes first. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/datapath/datapath.h"
#include "controller/domain/contexts.h"
#include "controller/domain/job_kind.h"
#include "controller/domain/journal.h"
#include "controller/domain/json.h"
#include "controller/domain/monitor.h"
#include "controller/domain/uri.h"

struct pull {
  char *nbd_socket, *public_socket;
  struct capture_disk *disks; /* of the request, until they are exposed */
  struct capture *capture;
  struct datapath *datapath;
};

static struct pull *
parts_of (const struct job *job)
{
  return job->parts;
}

static void
judge (struct job *job, const char *event, json_object *data)
{
  CLEANUP_FREE char *why = NULL;
  CLEANUP_FREE char *reason = NULL;
  const char *disk =
      capture_broken_by (parts_of (job)->capture, event, data, &why);

  if (disk == NULL)
    return;
  if (asprintf (&reason, "disk '%s': %s", disk, why ? why : event) == -1)
    reason = NULL;
  job_mark_broken (job, reason ? reason : event);
}

/* On the thread that watches a process of the data path. */
static void
datapath_broke (void *opaque, const char *reason)
{
  struct job *job = opaque;
  LOCK_IN_SCOPE (&job->lock);

  job_mark_broken (job, reason);
}

/* Fills in what the document leaves open about the server. */
static int
choose_server (struct job *job)
{
  struct backup *backup = job->plan->backup;

  if (backup->tls)
    return fail (ERROR_UNSUPPORTED,
                 "tls='yes' of the server is not supported; serve a Unix "
                 "socket or a loopback address");
  if (!backup->server_given) {
    backup->server_given = true;
    backup->transport = SERVER_UNIX;
  }
  if (backup->transport == SERVER_UNIX && backup->socket == NULL)
    backup->socket = strdup (parts_of (job)->public_socket);
  if (backup->transport == SERVER_TCP && backup->host == NULL)
    backup->host = strdup ("localhost");
  if (backup->transport == SERVER_UNIX ? !backup->socket : !backup->host)
    return fail_errno (ERROR_SYSTEM, "backup");
  return 0;
}

static int
start_datapath (struct job *job)
{
  const struct backup *backup = job->plan->backup;
  CLEANUP_CONTEXTS struct contexts contexts = { 0 };
  struct datapath_request request = {
    .folder = job->folder,
    .qemu_socket = parts_of (job)->nbd_socket,
    .transport = backup->transport,
    .socket = backup->socket,
    .host = backup->host,
    .port = backup->port,
  };

  if (contexts_of (job->plan, &contexts) == -1)
    return -1;
  request.contexts = contexts.list;
  request.nr_contexts = contexts.count;
  parts_of (job)->datapath = datapath_start (&request, datapath_broke, job);
  return parts_of (job)->datapath ? 0 : -1;
}

static int
prepare_capture (struct job *job, const struct job_request *wanted)
{
  const struct plan *plan = job->plan;
  struct capture_disk *disks = calloc (plan->nr_disks, sizeof *disks);
  struct capture_request request = {
    .method = wanted->method,
    .no_pause = wanted->no_pause,
    .job = job->name,
    .nbd_socket = parts_of (job)->nbd_socket,
    .disks = disks,
    .nr_disks = plan->nr_disks,
  };
  size_t i;

  parts_of (job)->disks = disks;
  if (disks == NULL)
    return fail_errno (ERROR_SYSTEM, "backup");
  for (i = 0; i < plan->nr_disks; i++) {
    const struct plan_disk *disk = &plan->disks[i];

    disks[i] = (struct capture_disk){
      .disk = disk->disk,
      .export_name = disk->export_name,
      .scratch = disk->scratch,
      .new_bitmap = disk->new_bitmap,
      .change_maps = disk->change_maps,
      .nr_change_maps = disk->nr_change_maps,
    };
  }
  parts_of (job)->capture = capture_prepare (job->qmp, &request);
  return parts_of (job)->capture ? 0 : -1;
}

static int
write_journal (struct job *job)
{
  pid_t processes[DATAPATH_PROCESSES];
  const char *sockets[DATAPATH_SOCKETS];
  size_t nr_sockets = datapath_sockets (parts_of (job)->datapath, sockets);

  datapath_processes (parts_of (job)->datapath, processes);
  return journal_write (job->state, job->domain, job->name, job->plan,
                        processes, DATAPATH_PROCESSES, sockets, nr_sockets);
}

static int
prepare (struct job *job, const struct job_request *request)
{
  struct pull *pull = calloc (1, sizeof *pull);

  job->parts = pull;
  if (pull == NULL ||
      asprintf (&pull->nbd_socket, "%s/qemu.sock", job->folder) == -1 ||
      asprintf (&pull->public_socket, "%s/nbd.sock", job->folder) == -1)
    return fail_errno (ERROR_SYSTEM, "backup");
  if (request->reuse_external)
    return fail (ERROR_INVALID,
                 "files that are there can be reused only for <domainbackup "
                 "mode='push'>");
  return choose_server (job) == -1 || start_datapath (job) == -1 ||
                 write_journal (job) == -1 ||
                 prepare_capture (job, request) == -1
             ? -1
             : 0;
}

static int
cut (struct job *job)
{
  return capture_cut (parts_of (job)->capture);
}

/* Clients that wait are served from here on. */
static int
open_exports (struct job *job)
{
  if (capture_expose (parts_of (job)->capture) == -1)
    return -1;
  job_start_judging (job);
  return datapath_open (parts_of (job)->datapath);
}

/* The metadata is committed before the capture is taken down: a daemon that
 * dies in between leaves a checkpoint that is whole. */
static int
end_capture (struct job *job, bool commit)
{
  CLEANUP_FREE char *why = NULL;

  if (commit && job_commit_checkpoint (job) == -1) {
    commit = false;
    why = strdup (error_message ());
  }
  if (capture_end (parts_of (job)->capture, commit) == -1)
    return -1;
  return why ? fail (ERROR_SYSTEM, "%s", why) : 0;
}

/* QEMU raises no event when it gives up a point in time for the guest's sake.
 */
static void
probe_exports (struct job *job)
{
  size_t i;

  for (i = 0; i < job->plan->nr_disks; i++) {
    const struct plan_disk *disk = &job->plan->disks[i];

    if (datapath_probe (parts_of (job)->datapath, disk->export_name) == -1) {
      LOCK_IN_SCOPE (&job->lock);

      job_mark_broken (job, error_message ());
    }
  }
}

/* QEMU closes its connections, or has gone; only then may the data path close
 * its own.  A QEMU that did not answer in time is asked again when the job is
 * ended again, one that lost only its monitor by a new connection. */
static int
stop_exports (struct job *job)
{
  CLEANUP_QMP struct qmp *again = NULL;
  CLEANUP_FREE char *why = NULL;

  if (capture_stop_exports (parts_of (job)->capture) == 0)
    return 0;
  why = strdup (error_message ());
  pthread_mutex_lock (&job->lock);
  job_mark_broken (job, error_message ());
  pthread_mutex_unlock (&job->lock);
  if (monitor_is_gone (job->monitor))
    return 0;
  again = qmp_connect (job->monitor, NULL, NULL);
  if (again && capture_recover_exports (again, job->name) == 0)
    return 0;
  return fail (ERROR_QEMU,
               "the backup of domain '%s' is void and cannot be ended yet, "
               "since QEMU still serves it; repeat 'pullback backup-end %s "
               "--abort' when QEMU answers: %s",
               job->domain, job->domain, why ? why : "out of memory");
}

static int
check_end (struct job *job, bool abort)
{
  CLEANUP_FREE char *broken = job_reason (job);

  if (!abort && !broken)
    probe_exports (job);
  return stop_exports (job);
}

static int
end (struct job *job, bool abort, bool *kept)
{
  CLEANUP_FREE char *broken = job_reason (job);

  datapath_stop (STEAL (parts_of (job)->datapath));
  if (end_capture (job, !abort && !broken) == -1)
    return -1;
  journal_remove (job->state, job->domain);
  *kept = !abort && !broken;
  return broken && !abort ? job_fail_void (job, broken) : 0;
}

static char *
export_uri (const struct backup *backup, char *export_name)
{
  const struct backup_network where = { .export_name = export_name,
                                        .transport = backup->transport,
                                        .socket = backup->socket,
                                        .host = backup->host,
                                        .port = backup->port };

  return nbd_uri (&where);
}

static void
describe (struct job *job, json_object *json)
{
  const struct capture_report *report =
      capture_report (parts_of (job)->capture);

  json_add_text (json, "method", capture_method_name (report->method));
  json_add_text (json, "promise", report->promise);
  job_describe_cut (&report->cut, report->pause_microseconds, json);
}

static void
describe_disk (struct job *job, size_t index, json_object *json)
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
}

static void
free_parts (struct job *job)
{
  struct pull *pull = parts_of (job);

  datapath_stop (pull->datapath);
  capture_free (pull->capture);
  free (pull->disks);
  free (pull->public_socket);
  free (pull->nbd_socket);
  free (pull);
}

const struct job_kind job_pull = {
  .ended = EVENT_BACKUP_ENDED,
  .prepare = prepare,
  .cut = cut,
  .open = open_exports,
  .judge = judge,
  .check_end = check_end,
  .end = end,
  .describe = describe,
  .describe_disk = describe_disk,
  .free = free_parts,
};
