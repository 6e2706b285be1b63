/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a pull backup, in the order that keeps the guest unharmed: all
 * that can fail comes before the cut; at the end QEMU closes first. */

#include <config.h>

#include <stdatomic.h>
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
#include "controller/domain/reads.h"
#include "controller/domain/tickets.h"
#include "controller/domain/scratch_watch.h"
#include "controller/domain/uri.h"

struct pull {
  char *nbd_socket, *public_socket;
  struct capture_disk *disks; /* of the request, until they are exposed */
  struct capture *capture;
  json_object *record; /* of the capture, for the journal */
  struct datapath *datapath;
  struct datapath_certificates certificates; /* strings are the service's */
  bool use_certificates, insecure, reclaim;
  struct tickets *tickets; /* NULL: without TLS there are none */
  atomic_bool tickets_due; /* the relay may be another one */
  bool forgotten;          /* it is: what was read before is not known */
  struct scratch_watch *watch;
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

/* What follows is called on the threads that watch the data path. */

static void
datapath_restarted (void *opaque, const char *text)
{
  struct job *job = opaque;

  job_tell_resumed (job, text);
  parts_of (job)->tickets_due = true;
  job->changed (job->changed_opaque);
}

static void
datapath_failed (void *opaque, const char *reason)
{
  struct job *job = opaque;
  LOCK_IN_SCOPE (&job->lock);

  job_mark_broken (job, reason);
}

/* The next end of nbdkit would be the guest's: QEMU is to close first.  The
 * broker was started after the capture was made, and is stopped before it goes.
 */
static void
datapath_exposed (void *opaque, const char *reason)
{
  struct job *job = opaque;

  datapath_failed (opaque, reason);
  capture_give_up (parts_of (job)->capture);
}

static struct datapath_watch
watch_of (struct job *job)
{
  return (struct datapath_watch){ .opaque = job,
                                  .restarted = datapath_restarted,
                                  .failed = datapath_failed,
                                  .exposed = datapath_exposed };
}

/* Better here than by a relay that does not start. */
static int
check_certificates (const struct datapath_certificates *certificates)
{
  static const char *const files[] = { "server-cert.pem", "server-key.pem",
                                       "ca-cert.pem" };
  const size_t needed = certificates->any_peer ? 2 : 3;

  for (size_t i = 0; i < needed; i++) {
    CLEANUP_FREE char *path = NULL;

    if (asprintf (&path, "%s/%s", certificates->folder, files[i]) == -1) {
      path = NULL;
      return fail_errno (ERROR_SYSTEM, "certificates");
    }
    if (access (path, R_OK) == -1)
      return fail_errno (ERROR_INVALID,
                         "TLS needs certificates, which pullbackd "
                         "--tls-certificates says where to find: '%s'",
                         path);
  }
  return 0;
}

/* The document's tls='yes' is served with certificates, as libvirt does; a
 * ticket alone lets in only who has one. */
static int
choose_tls (struct job *job, const struct job_request *request)
{
  struct backup *backup = job->plan->backup;
  struct pull *pull = parts_of (job);

  pull->certificates = request->certificates;
  pull->use_certificates = backup->tls;
  pull->insecure = request->insecure;
  if (pull->use_certificates && check_certificates (&pull->certificates) == -1)
    return -1;
  if (request->insecure && (backup->tls || request->ticket))
    return fail (ERROR_INVALID,
                 "a backup cannot be both served with TLS and insecure");
  backup->tls = backup->tls || request->ticket;
  return 0;
}

/* Fills in what the document leaves open about the server. */
static int
choose_server (struct job *job)
{
  struct backup *backup = job->plan->backup;

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

/* The data path, started or, from a daemon that died, taken over. */
static int
get_datapath (struct job *job,
              struct datapath *(*get) (const struct datapath_request *,
                                       const struct datapath_watch *) )
{
  const struct backup *backup = job->plan->backup;
  const struct datapath_watch watch = watch_of (job);
  CLEANUP_CONTEXTS struct contexts contexts = { 0 };
  CLEANUP_FREE const char **changes_only =
      calloc (job->plan->nr_disks + 1, sizeof *changes_only);
  struct datapath_request request = {
    .folder = job->folder,
    .qemu_socket = parts_of (job)->nbd_socket,
    .transport = backup->transport,
    .socket = backup->socket,
    .host = backup->host,
    .port = backup->port,
    .changes_only = changes_only,
    .tls = backup->tls,
    .certificates =
        parts_of (job)->use_certificates ? &parts_of (job)->certificates : NULL,
    .insecure = parts_of (job)->insecure,
    .reclaim = parts_of (job)->reclaim,
  };
  size_t i;

  if (changes_only == NULL)
    return fail_errno (ERROR_SYSTEM, "backup");
  for (i = 0; i < job->plan->nr_disks; i++)
    if (job->plan->disks[i].changes_only)
      changes_only[request.nr_changes_only++] = job->plan->disks[i].export_name;
  if (contexts_of (job->plan, &contexts) == -1)
    return -1;
  request.contexts = contexts.list;
  request.nr_contexts = contexts.count;
  parts_of (job)->datapath = get (&request, &watch);
  if (parts_of (job)->datapath == NULL)
    return -1;
  if (backup->tls) {
    parts_of (job)->tickets =
        tickets_new (job->folder, job->plan, parts_of (job)->datapath);
    return parts_of (job)->tickets ? 0 : -1;
  }
  return 0;
}

/* Bad certificates show here, before anything was cut. */
static int
prepare_tls (struct job *job, const struct job_request *request)
{
  struct pull *pull = parts_of (job);

  if (pull->tickets == NULL)
    return 0;
  if (datapath_wait_for_relay (pull->datapath) == -1)
    return -1;
  if (request->ticket == NULL)
    return 0;
  return tickets_add (pull->tickets, request->ticket, &job->first_ticket) == 0
             ? job_save (job)
             : -1;
}

/* The request's disks are needed until they are exposed. */
static int
describe_capture (struct job *job, struct capture_request *request)
{
  const struct plan *plan = job->plan;
  struct pull *pull = parts_of (job);
  size_t i;

  pull->disks = calloc (plan->nr_disks, sizeof *pull->disks);
  if (pull->disks == NULL)
    return fail_errno (ERROR_SYSTEM, "backup");
  for (i = 0; i < plan->nr_disks; i++) {
    const struct plan_disk *disk = &plan->disks[i];

    pull->disks[i] = (struct capture_disk){
      .disk = disk->disk,
      .export_name = disk->export_name,
      .scratch = disk->scratch,
      .scratch_limit = plan->scratch_limit / plan->nr_disks,
      .new_bitmap = disk->new_bitmap,
      .change_maps = disk->change_maps,
      .nr_change_maps = disk->nr_change_maps,
      .changes_only = disk->changes_only,
    };
  }
  request->job = job->name;
  request->nbd_socket = pull->nbd_socket;
  request->disks = pull->disks;
  request->nr_disks = plan->nr_disks;
  return 0;
}

static int
prepare_capture (struct job *job, const struct job_request *wanted)
{
  struct capture_request request = {
    .method = wanted->method,
    .no_pause = wanted->no_pause,
    .reclaim = wanted->reclaim,
  };

  if (describe_capture (job, &request) == -1)
    return -1;
  parts_of (job)->capture = capture_prepare (job->qmp, &request);
  return parts_of (job)->capture ? 0 : -1;
}

/* The files in which nbdkit keeps what it has reclaimed. */
static int
for_each_reclaimed (struct job *job, int (*call) (const char *path, void *),
                    void *opaque)
{
  size_t i;

  for (i = 0; parts_of (job)->reclaim && i < job->plan->nr_disks; i++) {
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

static int
record (struct job *job, json_object *json)
{
  const struct pull *pull = parts_of (job);
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

static int
make_parts (struct job *job)
{
  struct pull *pull = calloc (1, sizeof *pull);

  job->parts = pull;
  if (pull == NULL ||
      asprintf (&pull->nbd_socket, "%s/qemu.sock", job->folder) == -1 ||
      asprintf (&pull->public_socket, "%s/nbd.sock", job->folder) == -1)
    return fail_errno (ERROR_SYSTEM, "backup");
  return 0;
}

static int
prepare (struct job *job, const struct job_request *request)
{
  if (make_parts (job) == -1)
    return -1;
  if (request->reuse_external)
    return fail (ERROR_INVALID,
                 "files that are there can be reused only for <domainbackup "
                 "mode='push'>");
  parts_of (job)->reclaim = request->reclaim;
  return choose_tls (job, request) == -1 || choose_server (job) == -1 ||
                 job_save (job) == -1 ||
                 get_datapath (job, datapath_start) == -1 ||
                 prepare_tls (job, request) == -1 ||
                 prepare_capture (job, request) == -1
             ? -1
             : 0;
}

static int
cut (struct job *job)
{
  return capture_cut (parts_of (job)->capture);
}

static int
probe_disk (struct job *job, const struct plan_disk *disk)
{
  return datapath_probe (parts_of (job)->datapath, disk->export_name,
                         !disk->changes_only && !parts_of (job)->reclaim);
}

/* QEMU raises no event when it gives up a point in time for the guest's sake.
 */
static void
probe_exports (struct job *job)
{
  size_t i;

  for (i = 0; i < job->plan->nr_disks; i++) {
    if (probe_disk (job, &job->plan->disks[i]) == -1) {
      LOCK_IN_SCOPE (&job->lock);

      job_mark_broken (job, error_message ());
    }
  }
}

/* What follows is called on the thread that watches the scratch files. */

static void
scratch_mark (void *opaque, const char *disk, unsigned percent)
{
  struct job *job = opaque;
  LOCK_IN_SCOPE (&job->lock);

  job_tell_scratch (job, disk, percent);
}

static void
scratch_exhausted (void *opaque, const char *reason)
{
  struct job *job = opaque;

  datapath_failed (opaque, reason);
  capture_give_up (parts_of (job)->capture);
}

static void
scratch_full (void *opaque, const char *disk)
{
  struct job *job = opaque;
  CLEANUP_FREE char *broken = job_reason (job);
  CLEANUP_FREE char *reason = NULL;
  size_t i;

  if (broken)
    return;
  for (i = 0; i < job->plan->nr_disks; i++)
    if (strcmp (job->plan->disks[i].disk->name, disk) == 0)
      break;
  if (probe_disk (job, &job->plan->disks[i]) == 0)
    return;
  if (asprintf (&reason,
                "disk '%s': the file system of the scratch file is full (%s)",
                disk, error_message ()) == -1)
    reason = NULL;
  scratch_exhausted (opaque, reason ? reason : error_message ());
}

static int
watch_scratch (struct job *job)
{
  const struct scratch_listener listener = { .opaque = job,
                                             .mark = scratch_mark,
                                             .exhausted = scratch_exhausted,
                                             .full = scratch_full };
  struct pull *pull = parts_of (job);
  CLEANUP_FREE uint64_t *thresholds =
      calloc (job->plan->nr_disks, sizeof *thresholds);
  size_t i;

  if (thresholds == NULL)
    return fail_errno (ERROR_SYSTEM, "backup");
  for (i = 0; i < job->plan->nr_disks; i++)
    thresholds[i] = capture_scratch_threshold (pull->capture, i);
  pull->watch = scratch_watch_start (job->plan, thresholds, &listener);
  return pull->watch ? 0 : -1;
}

/* The next daemon can take the job up from here on, and clients that wait are
 * served.  If it does not find a broker there was none, and nobody has a
 * connection. */
static int
open_exports (struct job *job)
{
  struct pull *pull = parts_of (job);

  if (capture_expose (pull->capture) == -1)
    return -1;
  pull->record = capture_record (pull->capture);
  job->at_work = true;
  job_start_judging (job);
  if (job_save (job) == -1 || datapath_open (pull->datapath) == -1)
    return -1;
  return watch_scratch (job);
}

static int
resume_capture (struct job *job, json_object *json)
{
  struct pull *pull = parts_of (job);
  struct capture_request request = { .method = CAPTURE_AUTO };
  json_object *capture;

  if (!json_object_object_get_ex (json, "capture", &capture) ||
      describe_capture (job, &request) == -1)
    return -1;
  pull->capture = capture_resume (job->qmp, &request, capture);
  if (pull->capture == NULL)
    return -1;
  pull->record = capture_record (pull->capture);
  return 0;
}

/* The relay has them, unless it is another one since. */
static void
take_up_tickets (struct job *job, json_object *json)
{
  json_object *record = NULL;

  json_object_object_get_ex (json, "tickets", &record);
  tickets_restore (parts_of (job)->tickets, record);
  parts_of (job)->tickets_due = true;
  job->changed (job->changed_opaque);
}

/* The next daemon is to know, too. */
static void
note_forgotten (struct job *job)
{
  struct pull *pull = parts_of (job);

  if (pull->forgotten || pull->datapath == NULL ||
      !datapath_relay_is_another (pull->datapath))
    return;
  pull->forgotten = true;
  if (job->at_work && job_save (job) == -1)
    log_line ("domain '%s': %s", job->domain, error_message ());
}

/* A relay that was started again is given the tickets. */
static void
settle (struct job *job)
{
  struct pull *pull = parts_of (job);

  note_forgotten (job);
  if (!atomic_exchange (&pull->tickets_due, false) || pull->tickets == NULL ||
      pull->datapath == NULL)
    return;
  if (tickets_give_again (pull->tickets) == 0)
    return;
  log_line ("tickets of the backup of domain '%s': %s", job->domain,
            error_message ());
  /* With the next operation. */
  pull->tickets_due = true;
}

static struct tickets *
tickets (struct job *job)
{
  return parts_of (job)->tickets;
}

/* The data path last: its processes are left as they are until nothing can fail
 * any more. */
static int
take_up (struct job *job, const struct job_request *request, json_object *json)
{
  struct pull *pull;

  if (make_parts (job) == -1 || resume_capture (job, json) == -1)
    return -1;
  pull = parts_of (job);
  pull->certificates = request->certificates;
  if (json_get_bool (json, "certificates", &pull->use_certificates) == -1 ||
      json_get_bool (json, "insecure", &pull->insecure) == -1 ||
      json_get_bool (json, "forgotten", &pull->forgotten) == -1 ||
      json_get_bool (json, "reclaim", &pull->reclaim) == -1 ||
      get_datapath (job, datapath_take_over) == -1) {
    capture_abandon (STEAL (pull->capture));
    return -1;
  }
  if (pull->tickets)
    take_up_tickets (job, json);
  job_start_judging (job);
  return watch_scratch (job);
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
check_complete (struct job *job)
{
  note_forgotten (job);
  return reads_check (job->plan, parts_of (job)->datapath,
                      parts_of (job)->forgotten);
}

static int
check_end (struct job *job, bool abort)
{
  CLEANUP_FREE char *broken = job_reason (job);

  scratch_watch_stop (STEAL (parts_of (job)->watch));
  if (!abort && !broken)
    probe_exports (job);
  return stop_exports (job);
}

static int
end (struct job *job, bool abort, bool *kept)
{
  CLEANUP_FREE char *broken = job_reason (job);

  scratch_watch_stop (STEAL (parts_of (job)->watch));
  datapath_stop (STEAL (parts_of (job)->datapath));
  for_each_reclaimed (job, remove_file, NULL);
  if (parts_of (job)->tickets)
    tickets_remove_files (parts_of (job)->tickets);
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
  const struct uri_tls tls = { 0 };

  return nbd_uri (&where, backup->tls ? &tls : NULL);
}

static void
describe (struct job *job, json_object *json)
{
  const struct capture_report *report =
      capture_report (parts_of (job)->capture);

  json_add_text (json, "method", capture_method_name (report->method));
  json_add_text (json, "promise", report->promise);
  json_add_bool (json, "reclaim", parts_of (job)->reclaim);
  job_describe_cut (&report->cut, report->pause_microseconds, json);
  if (job->plan->scratch_limit)
    json_add_number (json, "scratch_limit", (int64_t) job->plan->scratch_limit);
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
  json_add_number (
      json, "scratch_used",
      (int64_t) scratch_used (
          disk, capture_scratch_threshold (parts_of (job)->capture, index)));
  json_add_bool (json, "changes_only", disk->changes_only);
}

static json_object *
describe_reads (struct job *job)
{
  return reads_describe (job->plan, parts_of (job)->datapath);
}

static void
free_parts (struct job *job)
{
  struct pull *pull = parts_of (job);

  scratch_watch_stop (pull->watch);
  if (pull->datapath) {
    datapath_stop (pull->datapath);
    for_each_reclaimed (job, remove_file, NULL);
  }
  tickets_free (pull->tickets);
  capture_free (pull->capture);
  json_object_put (pull->record);
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
  .record = record,
  .take_up = take_up,
  .judge = judge,
  .settle = settle,
  .tickets = tickets,
  .check_complete = check_complete,
  .check_end = check_end,
  .end = end,
  .describe = describe,
  .describe_disk = describe_disk,
  .describe_reads = describe_reads,
  .free = free_parts,
};
