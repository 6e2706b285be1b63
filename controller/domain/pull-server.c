/* SPDX-License-Identifier: BSD-3-Clause */
/* What the clients of a pull backup connect to: the data path with TLS and
 * tickets, started, taken over, and watched. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/contexts.h"
#include "controller/domain/job-pull.h"

/* What follows is called on the threads that watch the data path. */

static void
datapath_restarted (void *opaque, const char *text)
{
  struct job *job = opaque;

  job_tell_resumed (job, text);
  pull_of (job)->tickets_due = true;
  job->changed (job->changed_opaque);
}

static void
datapath_failed (void *opaque, const char *reason)
{
  struct job *job = opaque;
  LOCK_IN_SCOPE (&job->lock);

  job_mark_broken (job, reason);
}

/* The next end of nbdkit would be the guest's: QEMU is to close first. */
static void
datapath_exposed (void *opaque, const char *reason)
{
  pull_give_up (opaque, reason);
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
  struct pull *pull = pull_of (job);

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

static int
choose_address (struct job *job)
{
  struct backup *backup = job->plan->backup;

  if (!backup->server_given) {
    backup->server_given = true;
    backup->transport = SERVER_UNIX;
  }
  if (backup->transport == SERVER_UNIX && backup->socket == NULL)
    backup->socket = strdup (pull_of (job)->public_socket);
  if (backup->transport == SERVER_TCP && backup->host == NULL)
    backup->host = strdup ("localhost");
  if (backup->transport == SERVER_UNIX ? !backup->socket : !backup->host)
    return fail_errno (ERROR_SYSTEM, "backup");
  return 0;
}

int
pull_choose_server (struct job *job, const struct job_request *request)
{
  return choose_tls (job, request) == -1 ? -1 : choose_address (job);
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
    .qemu_socket = pull_of (job)->nbd_socket,
    .transport = backup->transport,
    .socket = backup->socket,
    .host = backup->host,
    .port = backup->port,
    .changes_only = changes_only,
    .tls = backup->tls,
    .certificates =
        pull_of (job)->use_certificates ? &pull_of (job)->certificates : NULL,
    .insecure = pull_of (job)->insecure,
    .reclaim = pull_of (job)->reclaim,
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
  pull_of (job)->datapath = get (&request, &watch);
  if (pull_of (job)->datapath == NULL)
    return -1;
  if (backup->tls) {
    pull_of (job)->tickets =
        tickets_new (job->folder, job->plan, pull_of (job)->datapath);
    return pull_of (job)->tickets ? 0 : -1;
  }
  return 0;
}

/* Bad certificates show here, before anything was cut. */
static int
prepare_tls (struct job *job, const struct job_request *request)
{
  struct pull *pull = pull_of (job);

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

int
pull_start_server (struct job *job, const struct job_request *request)
{
  return get_datapath (job, datapath_start) == -1 ? -1
                                                  : prepare_tls (job, request);
}

/* The relay has them, unless it is another one since. */
static void
take_up_tickets (struct job *job, json_object *json)
{
  json_object *record = NULL;

  json_object_object_get_ex (json, "tickets", &record);
  tickets_restore (pull_of (job)->tickets, record);
  pull_of (job)->tickets_due = true;
  job->changed (job->changed_opaque);
}

int
pull_take_over_server (struct job *job, json_object *json)
{
  if (get_datapath (job, datapath_take_over) == -1)
    return -1;
  if (pull_of (job)->tickets)
    take_up_tickets (job, json);
  return 0;
}

/* The next daemon is to know, too. */
void
pull_note_forgotten (struct job *job)
{
  struct pull *pull = pull_of (job);

  if (pull->forgotten || pull->datapath == NULL ||
      !datapath_relay_is_another (pull->datapath))
    return;
  pull->forgotten = true;
  if (job->at_work && job_save (job) == -1)
    log_line ("domain '%s': %s", job->domain, error_message ());
}

void
pull_settle_server (struct job *job)
{
  struct pull *pull = pull_of (job);

  pull_note_forgotten (job);
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
