/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a pull backup, in the order that keeps the guest unharmed: all
 * that can fail comes before the cut; at the end QEMU closes first. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/datapath/datapath.h"
#include "controller/domain/contexts.h"
#include "controller/domain/generation.h"
#include "controller/domain/job.h"
#include "controller/domain/journal.h"
#include "controller/domain/json.h"
#include "controller/domain/reconcile.h"

/* Events that came before the capture could judge them; far more than a cut
 * can cause. */
#define MAX_EARLY_EVENTS 64

struct early_event {
  char *name;
  json_object *data;
};

struct job {
  char *state;  /* the daemon's state folder */
  char *folder; /* RUN/DOMAIN: sockets and logs */
  char *nbd_socket, *public_socket;
  char *domain;
  char name[17]; /* of all that it makes in QEMU; no other job's */
  struct qmp *qmp;
  struct plan *plan;
  struct capture *capture;
  struct datapath *datapath;

  /* Of what follows, also the event and watcher threads take part. */
  pthread_mutex_t lock;
  bool judging; /* 'capture' is set and events go to it */
  struct early_event early[MAX_EARLY_EVENTS];
  size_t nr_early;
  char *broken; /* why the point in time or the way to it is lost */
};

static void
mark_broken (struct job *job, const char *reason)
{
  if (job->broken)
    return;
  log_line ("the backup of domain '%s' is broken: %s", job->domain, reason);
  job->broken = strdup (reason);
}

static void
judge_event (struct job *job, const char *event, json_object *data)
{
  CLEANUP_FREE char *why = NULL;
  CLEANUP_FREE char *reason = NULL;
  const char *disk = capture_broken_by (job->capture, event, data, &why);

  if (disk == NULL)
    return;
  if (asprintf (&reason, "disk '%s': %s", disk, why ? why : event) == -1)
    reason = NULL;
  mark_broken (job, reason ? reason : event);
}

/* On the reader thread of the monitor's connection. */
static void
event_came (void *opaque, const char *event, json_object *data)
{
  struct job *job = opaque;
  LOCK_IN_SCOPE (&job->lock);

  if (job->judging)
    judge_event (job, event, data);
  else if (job->nr_early < MAX_EARLY_EVENTS) {
    struct early_event *early = &job->early[job->nr_early++];

    /* A copy: counting references is not safe between threads in json-c. */
    early->name = strdup (event);
    if (data)
      json_object_deep_copy (data, &early->data, NULL);
  }
}

/* From now on the capture judges events, those that came in between first. */
static void
start_judging (struct job *job)
{
  LOCK_IN_SCOPE (&job->lock);
  size_t i;

  job->judging = true;
  for (i = 0; i < job->nr_early; i++) {
    if (job->early[i].name)
      judge_event (job, job->early[i].name, job->early[i].data);
  }
}

/* On the thread that watches a process of the data path. */
static void
datapath_broke (void *opaque, const char *reason)
{
  struct job *job = opaque;
  LOCK_IN_SCOPE (&job->lock);

  mark_broken (job, reason);
}

/* The capture is about to go. */
static void
stop_judging (struct job *job)
{
  LOCK_IN_SCOPE (&job->lock);

  job->judging = false;
}

static void
job_free (struct job *job)
{
  size_t i;

  if (job == NULL)
    return;
  stop_judging (job);
  datapath_stop (job->datapath);
  capture_free (job->capture);
  qmp_close (job->qmp);
  plan_free (job->plan);
  for (i = 0; i < job->nr_early; i++) {
    free (job->early[i].name);
    json_object_put (job->early[i].data);
  }
  pthread_mutex_destroy (&job->lock);
  free (job->broken);
  free (job->public_socket);
  free (job->nbd_socket);
  free (job->folder);
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
job_new (const struct job_request *request)
{
  CLEANUP_JOB struct job *job = calloc (1, sizeof *job);

  if (job == NULL) {
    fail_errno (ERROR_SYSTEM, "backup");
    return NULL;
  }
  pthread_mutex_init (&job->lock, NULL);
  job->state = strdup (request->state);
  job->domain = strdup (request->domain->name);
  if (job->state == NULL || job->domain == NULL ||
      asprintf (&job->folder, "%s/%s", request->run, job->domain) == -1 ||
      asprintf (&job->nbd_socket, "%s/qemu.sock", job->folder) == -1 ||
      asprintf (&job->public_socket, "%s/nbd.sock", job->folder) == -1) {
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

/* Fills in what the document leaves open about the server. */
static int
choose_server (struct job *job)
{
  struct backup *backup = job->plan->backup;

  if (backup->mode != BACKUP_PULL)
    return fail (ERROR_UNSUPPORTED,
                 "mode='push' is not supported; use mode='pull'");
  if (backup->tls)
    return fail (ERROR_UNSUPPORTED,
                 "tls='yes' of the server is not supported; serve a Unix "
                 "socket or a loopback address");
  if (!backup->server_given) {
    backup->server_given = true;
    backup->transport = SERVER_UNIX;
  }
  if (backup->transport == SERVER_UNIX && backup->socket == NULL)
    backup->socket = strdup (job->public_socket);
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
    .qemu_socket = job->nbd_socket,
    .transport = backup->transport,
    .socket = backup->socket,
    .host = backup->host,
    .port = backup->port,
  };

  if (contexts_of (job->plan, &contexts) == -1)
    return -1;
  request.contexts = contexts.list;
  request.nr_contexts = contexts.count;
  job->datapath = datapath_start (&request, datapath_broke, job);
  return job->datapath ? 0 : -1;
}

static int
begin_capture (struct job *job, enum capture_method method)
{
  const struct plan *plan = job->plan;
  CLEANUP_FREE struct capture_disk *disks =
      calloc (plan->nr_disks, sizeof *disks);
  struct capture_request request = {
    .method = method,
    .job = job->name,
    .nbd_socket = job->nbd_socket,
    .disks = disks,
    .nr_disks = plan->nr_disks,
  };
  size_t i;

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
  job->capture = capture_begin (job->qmp, &request);
  if (job->capture == NULL)
    return -1;
  start_judging (job);
  return 0;
}

static int
write_journal (struct job *job)
{
  pid_t processes[DATAPATH_PROCESSES];
  const char *sockets[DATAPATH_SOCKETS];
  size_t nr_sockets = datapath_sockets (job->datapath, sockets);

  datapath_processes (job->datapath, processes);
  return journal_write (job->state, job->domain, job->name, job->plan,
                        processes, DATAPATH_PROCESSES, sockets, nr_sockets);
}

/* Clients that wait are served from here on. */
static int
open_datapath (struct job *job)
{
  CLEANUP_FREE char *why = NULL;

  if (datapath_open (job->datapath) == 0)
    return 0;
  why = strdup (error_message ());
  capture_stop_exports (job->capture);
  capture_end (job->capture, false);
  return fail (ERROR_SYSTEM, "%s", why ? why : "out of memory");
}

/* Rolls back by itself as far as QEMU answers. */
static struct job *
begin (const struct job_request *request, struct backup *backup,
       struct checkpoint *checkpoint)
{
  CLEANUP_BACKUP struct backup *owned_backup = backup;
  CLEANUP_CHECKPOINT struct checkpoint *owned_checkpoint = checkpoint;
  CLEANUP_JOB struct job *job = job_new (request);
  const struct plan_request plan = { .state = request->state,
                                     .domain = request->domain,
                                     .scratch_folder =
                                         request->scratch_folder };
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
  if (job->plan == NULL || choose_server (job) == -1 ||
      start_datapath (job) == -1 || write_journal (job) == -1 ||
      begin_capture (job, request->method) == -1 || open_datapath (job) == -1)
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
  struct job *job = begin (request, backup, checkpoint);

  if (job == NULL)
    clean_up (request->state, request->domain);
  return job;
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

/* Why the job is broken, NULL if it is not; the caller's. */
static char *
broken_reason (struct job *job)
{
  LOCK_IN_SCOPE (&job->lock);

  return job->broken ? strdup (job->broken) : NULL;
}

static int
commit_checkpoint (struct job *job)
{
  const struct checkpoint *checkpoint = job->plan->checkpoint;

  if (catalogue_add_checkpoint (job->state, job->domain, checkpoint) == -1)
    return -1;
  if (catalogue_set_current (job->state, job->domain, checkpoint->name) == 0)
    return 0;
  CLEANUP_FREE char *why = strdup (error_message ());
  catalogue_remove_checkpoint (job->state, job->domain, checkpoint->name);
  return fail (ERROR_SYSTEM, "%s", why ? why : "out of memory");
}

/* The metadata is committed before the capture is taken down: a daemon that
 * dies in between leaves a checkpoint that is whole. */
static int
end_capture (struct job *job, bool commit)
{
  CLEANUP_FREE char *why = NULL;

  if (commit && job->plan->checkpoint && commit_checkpoint (job) == -1) {
    commit = false;
    why = strdup (error_message ());
  }
  if (capture_end (job->capture, commit) == -1)
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

    if (datapath_probe (job->datapath, disk->export_name) == -1) {
      LOCK_IN_SCOPE (&job->lock);

      mark_broken (job, error_message ());
    }
  }
}

int
job_end (struct job *job, bool abort)
{
  CLEANUP_JOB struct job *owned = job;
  CLEANUP_FREE char *broken = broken_reason (job);
  int stopped;

  if (!abort && !broken) {
    probe_exports (job);
    broken = broken_reason (job);
  }
  stopped = capture_stop_exports (job->capture);
  datapath_stop (STEAL (job->datapath));
  if (end_capture (job, !abort && !broken && stopped == 0) == -1)
    return -1;
  journal_remove (job->state, job->domain);
  if (broken && !abort)
    return fail (ERROR_QEMU,
                 "the backup of domain '%s' had broken and is void: %s%s%s%s",
                 job->domain, broken,
                 job->plan->checkpoint ? "; checkpoint '" : "",
                 job->plan->checkpoint ? job->plan->checkpoint->name : "",
                 job->plan->checkpoint ? "' was removed" : "");
  return 0;
}

/* nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH, percent-encoded
 * where a URI wants it. */
static void
put_encoded (FILE *file, const char *text, const char *also_plain)
{
  for (; *text; text++) {
    unsigned char byte = *text;

    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= '0' && byte <= '9') || strchr ("-._~", byte) ||
        strchr (also_plain, byte))
      putc (byte, file);
    else
      fprintf (file, "%%%02X", byte);
  }
}

static char *
export_uri (const struct backup *backup, const char *export_name)
{
  char *uri = NULL;
  size_t size;
  FILE *file = open_memstream (&uri, &size);

  if (file == NULL)
    return NULL;
  if (backup->transport == SERVER_UNIX)
    fputs ("nbd+unix:///", file);
  else
    fprintf (file,
             strchr (backup->host, ':') ? "nbd://[%s]:%u/" : "nbd://%s:%u/",
             backup->host, backup->port);
  put_encoded (file, export_name, "");
  if (backup->transport == SERVER_UNIX) {
    fputs ("?socket=", file);
    put_encoded (file, backup->socket, "/");
  }
  return fclose (file) == 0 ? uri : NULL;
}

static json_object *
describe_disk (const struct job *job, const struct plan_disk *disk)
{
  CLEANUP_FREE char *uri = export_uri (job->plan->backup, disk->export_name);
  json_object *json = json_object_new_object ();
  json_object *bases = json_object_new_array ();
  size_t i;

  json_add_text (json, "name", disk->disk->name);
  json_add_text (json, "export", disk->export_name);
  json_add_text (json, "uri", uri);
  json_add_number (json, "size", (int64_t) disk->disk->size);
  json_add_text (json, "mode", disk->incremental ? "incremental" : "full");
  json_add_text (json, "incremental", disk->incremental);
  json_add_text (json, "fallback", disk->fallback);
  for (i = 0; i < disk->nr_change_maps; i++)
    json_object_array_add (
        bases, json_object_new_string (disk->change_maps[i].checkpoint));
  json_object_object_add (json, "bases", bases);
  json_add_text (json, "scratch", disk->scratch);
  return json;
}

json_object *
job_describe (struct job *job)
{
  CLEANUP_JSON json_object *json = json_object_new_object ();
  CLEANUP_FREE char *broken = broken_reason (job);
  CLEANUP_FREE char *xml = backup_format (job->plan->backup);
  const struct capture_report *report = capture_report (job->capture);
  json_object *disks = json_object_new_array ();
  size_t i;

  if (xml == NULL)
    return NULL;
  json_add_text (json, "domain", job->domain);
  json_add_text (json, "state", broken ? "broken" : "running");
  json_add_text (json, "reason", broken);
  json_add_text (json, "method", capture_method_name (report->method));
  json_add_text (json, "promise", report->promise);
  json_add_number (json, "cut_time", report->cut_time);
  json_add_number (json, "cut_microseconds",
                   (int64_t) report->cut_microseconds);
  json_add_number (json, "pause_microseconds",
                   (int64_t) report->pause_microseconds);
  json_add_text (json, "checkpoint", job_checkpoint (job));
  json_add_text (json, "xml", xml);
  for (i = 0; i < job->plan->nr_disks; i++)
    json_object_array_add (disks, describe_disk (job, &job->plan->disks[i]));
  json_object_object_add (json, "disks", disks);
  return STEAL (json);
}
