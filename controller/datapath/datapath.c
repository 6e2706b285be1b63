/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts the data path of a job together: every socket is bound first, then the
 * processes start on them, so that none has to be waited for, neither at the
 * begin nor when one is started again. */

#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/broker/broker.h"
#include "controller/common/error.h"
#include "controller/datapath/arguments.h"
#include "controller/datapath/control.h"
#include "controller/datapath/datapath.h"
#include "controller/datapath/descriptors.h"
#include "controller/datapath/listener.h"
#include "controller/datapath/probe.h"
#include "controller/datapath/process.h"
#include "controller/datapath/restarts.h"

/* A broker that lives answers at once, unless QEMU keeps it waiting. */
#define SECONDS_TO_TAKE_OVER 15

/* In the order in which they are stopped. */
enum member_kind { RELAY, NBDKIT, BROKER, NR_MEMBERS };
static const char *const names[] = { "pullback-relay", "nbdkit",
                                     "pullback-broker" };

struct member {
  struct datapath *datapath;
  struct child child; /* what it names is in the next three */
  char **argv;
  char *log, *lock;
  struct process *process; /* NULL: not started, or gone for good */
  struct restarts restarts;
};

/* The sockets in the broker's order; the relay has those from the control
 * channel on. */
enum { PLUGIN_SOCKET = BROKER_HELD, CONTROL_SOCKET, RELAY_SOCKET, NR_SOCKETS };
static const char *const socket_names[] = {
  [BROKER_CONNECTIONS] = "broker.sock",
  [BROKER_LISTENERS] = "listeners.sock",
  [PLUGIN_SOCKET] = "plugin.sock",
  [CONTROL_SOCKET] = "control.sock",
};

struct datapath {
  char *paths[NR_SOCKETS]; /* NULL: not a Unix socket */
  int listeners[NR_SOCKETS];
  struct member members[NR_MEMBERS];
  struct datapath_watch watch;
  atomic_bool relay_gone;  /* for good */
  atomic_bool relay_again; /* it was started again */
};

/* FOLDER/NAME.SUFFIX, the caller's.  NULL: reported. */
static char *
path_in (const char *folder, const char *name, const char *suffix)
{
  char *path;

  if (asprintf (&path, "%s/%s%s", folder, name, suffix) != -1)
    return path;
  fail_errno (ERROR_SYSTEM, "data path");
  return NULL;
}

static void
note_gone (struct member *member)
{
  struct datapath *datapath = member->datapath;

  if (member == &datapath->members[RELAY])
    datapath->relay_gone = true;
}

static bool
member_ended (void *opaque, const char *how)
{
  struct member *member = opaque;
  struct datapath *datapath = member->datapath;
  const bool broker = member == &datapath->members[BROKER];
  const bool again = !broker && restarts_allow (&member->restarts);
  const char *outcome = again ? " and is started again"
                        : broker
                            ? ""
                            : ", too often in a short time to start it again";
  CLEANUP_FREE char *text = NULL;

  if (asprintf (&text, "%s %s%s; its log is '%s'", member->child.name, how,
                outcome, member->log) == -1)
    text = NULL;
  if (!again)
    note_gone (member);
  else if (member == &datapath->members[RELAY])
    datapath->relay_again = true;
  (again    ? datapath->watch.restarted
   : broker ? datapath->watch.exposed
            : datapath->watch.failed) (datapath->watch.opaque,
                                       text ? text : member->child.name);
  return again;
}

static void
member_failed (void *opaque, const char *error)
{
  struct member *member = opaque;

  note_gone (member);
  member->datapath->watch.failed (member->datapath->watch.opaque, error);
}

static struct process_watch
watch_of (struct member *member)
{
  return (struct process_watch){ .ended = member_ended,
                                 .failed = member_failed,
                                 .opaque = member };
}

static int
prepare_member (struct datapath *datapath, enum member_kind kind,
                const char *folder, char **argv)
{
  struct member *member = &datapath->members[kind];

  member->datapath = datapath;
  member->argv = argv;
  member->log = path_in (folder, names[kind], ".log");
  member->lock = path_in (folder, names[kind], ".lock");
  member->child = (struct child){
    .name = names[kind],
    .argv = argv,
    .sockets = kind == BROKER   ? datapath->listeners
               : kind == NBDKIT ? &datapath->listeners[PLUGIN_SOCKET]
                                : &datapath->listeners[CONTROL_SOCKET],
    .nr_sockets = kind == BROKER   ? NR_SOCKETS
                  : kind == NBDKIT ? 1
                                   : NR_SOCKETS - CONTROL_SOCKET,
    .log = member->log,
    .lock = member->lock,
  };
  return argv && member->log && member->lock ? 0 : -1;
}

static int
start_member (struct datapath *datapath, enum member_kind kind)
{
  struct member *member = &datapath->members[kind];
  const struct process_watch watch = watch_of (member);

  member->process = process_start (&member->child, &watch);
  return member->process ? 0 : -1;
}

/* Only the memory and the listeners; files and processes stay. */
static void
datapath_free (struct datapath *datapath)
{
  for (size_t i = 0; i < NR_MEMBERS; i++) {
    arguments_free (&datapath->members[i].argv);
    free (datapath->members[i].lock);
    free (datapath->members[i].log);
  }
  for (size_t i = 0; i < NR_SOCKETS; i++) {
    cleanup_close (&datapath->listeners[i]);
    free (datapath->paths[i]);
  }
  free (datapath);
}

static int
prepare (struct datapath *datapath, const struct datapath_request *request)
{
  for (size_t i = 0; i < NR_SOCKETS; i++) {
    datapath->listeners[i] = -1;
    if (i == RELAY_SOCKET)
      datapath->paths[i] =
          request->transport == SERVER_UNIX ? strdup (request->socket) : NULL;
    else
      datapath->paths[i] = path_in (request->folder, socket_names[i], "");
  }
  if (prepare_member (datapath, BROKER, request->folder,
                      arguments_of_broker (request->qemu_socket)) == -1 ||
      prepare_member (datapath, NBDKIT, request->folder,
                      arguments_of_nbdkit (datapath->paths[BROKER_CONNECTIONS],
                                           request)) == -1 ||
      prepare_member (
          datapath, RELAY, request->folder,
          arguments_of_relay (datapath->paths[PLUGIN_SOCKET], request)) == -1)
    return -1;
  return 0;
}

static struct datapath *
datapath_new (const struct datapath_request *request,
              const struct datapath_watch *watch)
{
  struct datapath *datapath = calloc (1, sizeof *datapath);

  if (datapath == NULL) {
    fail_errno (ERROR_SYSTEM, "data path");
    return NULL;
  }
  datapath->watch = *watch;
  if (prepare (datapath, request) == 0)
    return datapath;
  datapath_free (datapath);
  return NULL;
}

/* The broker's sockets listen from the start, but nobody accepts: a connection
 * that were made while a begin fails would still negotiate when QEMU's server
 * is stopped again, which QEMU 7.2 does not survive. */
static int
bind_sockets (struct datapath *datapath, const struct datapath_request *request)
{
  for (size_t i = 0; i < NR_SOCKETS; i++) {
    datapath->listeners[i] =
        i == RELAY_SOCKET && request->transport == SERVER_TCP
            ? listen_tcp (request->host, request->port,
                          request->tls || request->insecure)
            : listen_unix (datapath->paths[i]);
    if (datapath->listeners[i] == -1) {
      /* Not ours to remove. */
      for (; i < NR_SOCKETS; i++) {
        free (datapath->paths[i]);
        datapath->paths[i] = NULL;
      }
      return -1;
    }
  }
  return 0;
}

struct datapath *
datapath_start (const struct datapath_request *request,
                const struct datapath_watch *watch)
{
  struct datapath *datapath = datapath_new (request, watch);

  if (datapath && bind_sockets (datapath, request) == 0 &&
      start_member (datapath, NBDKIT) == 0 &&
      start_member (datapath, RELAY) == 0)
    return datapath;
  datapath_stop (datapath);
  return NULL;
}

int
datapath_open (struct datapath *datapath)
{
  return start_member (datapath, BROKER);
}

/* The listeners, from the broker that holds them. */
static int
receive_listeners (struct datapath *datapath)
{
  CLEANUP_CLOSE int fd = connect_unix (datapath->paths[BROKER_LISTENERS]);

  if (fd == -1 ||
      descriptors_receive (fd, SECONDS_TO_TAKE_OVER, datapath->listeners,
                           NR_SOCKETS) != NR_SOCKETS)
    return fail_errno (ERROR_SYSTEM,
                       "the broker of connections to QEMU does not answer");
  return 0;
}

/* Nothing can be undone here: where one cannot be had it is gone for good. */
static void
take_over_member (struct datapath *datapath, enum member_kind kind)
{
  struct member *member = &datapath->members[kind];
  const struct process_watch watch = watch_of (member);
  bool running;

  member->process = process_adopt (&member->child, &watch, &running);
  if (!running && member_ended (member, "has ended meanwhile") &&
      start_member (datapath, kind) == 0)
    return;
  if (member->process == NULL && kind != BROKER)
    member_failed (member, error_message ());
}

struct datapath *
datapath_take_over (const struct datapath_request *request,
                    const struct datapath_watch *watch)
{
  struct datapath *datapath = datapath_new (request, watch);

  if (datapath == NULL)
    return NULL;
  if (receive_listeners (datapath) == -1) {
    datapath_free (datapath);
    return NULL;
  }
  for (size_t i = NR_MEMBERS; i-- > 0;)
    take_over_member (datapath, i);
  return datapath;
}

/* The last thing that the relay had to say, the caller's; NULL: nothing. */
static char *
last_line_of_log (const struct datapath *datapath)
{
  CLEANUP_FCLOSE FILE *file = fopen (datapath->members[RELAY].log, "re");
  char line[1024], last[1024] = "";

  while (file && fgets (line, sizeof line, file))
    strcpy (last, line);
  last[strcspn (last, "\n")] = '\0';
  return last[0] ? strdup (last) : NULL;
}

int
datapath_say (const struct datapath *datapath, const char *const *words,
              char **answer)
{
  return control_say (datapath->paths[CONTROL_SOCKET], &datapath->relay_gone,
                      words, answer);
}

int
datapath_wait_for_relay (const struct datapath *datapath)
{
  static const char *const ping[] = { "ping", NULL };
  CLEANUP_FREE char *reason = NULL;

  if (datapath_say (datapath, ping, NULL) == 0)
    return 0;
  reason = last_line_of_log (datapath);
  if (datapath->relay_gone && reason)
    return fail (ERROR_SYSTEM, "cannot serve clients: %s", reason);
  return -1;
}

bool
datapath_relay_is_another (const struct datapath *datapath)
{
  return datapath->relay_again;
}

/* A connection to QEMU that we may close, since the broker keeps it open. */
static int
get_connection (const struct datapath *datapath)
{
  CLEANUP_CLOSE int fd = connect_unix (datapath->paths[BROKER_CONNECTIONS]);
  int connection;

  if (fd == -1 ||
      descriptors_receive (fd, SECONDS_TO_TAKE_OVER, &connection, 1) != 1)
    return fail_errno (ERROR_SYSTEM,
                       "the broker of connections to QEMU does not answer");
  return connection;
}

/* Only the plugin knows where something can be read of what is not whole; else
 * to ask QEMU spares nbdkit its threads and connections for each export. */
int
datapath_probe (const struct datapath *datapath, const char *export_name,
                bool whole)
{
  int connection;

  if (!whole)
    return probe_export (datapath->paths[PLUGIN_SOCKET], export_name);
  connection = get_connection (datapath);
  return connection == -1 ? -1 : probe_whole (connection, export_name);
}

char *
datapath_reclaimed (const char *folder, const char *export_name)
{
  return path_in (folder, export_name, ".reclaimed");
}

void
datapath_stop (struct datapath *datapath)
{
  if (datapath == NULL)
    return;
  for (size_t i = 0; i < NR_MEMBERS; i++) {
    process_stop (datapath->members[i].process);
    unlink (datapath->members[i].lock);
  }
  for (size_t i = 0; i < NR_SOCKETS; i++) {
    if (datapath->paths[i])
      unlink (datapath->paths[i]);
  }
  datapath_free (datapath);
}

void
datapath_stop_found (const char *folder, const char *socket)
{
  for (size_t i = 0; i < NR_MEMBERS; i++) {
    CLEANUP_FREE char *lock = path_in (folder, names[i], ".lock");

    if (lock) {
      process_end_found (lock, names[i]);
      unlink (lock);
    }
  }
  for (size_t i = 0; i < RELAY_SOCKET; i++) {
    CLEANUP_FREE char *path = path_in (folder, socket_names[i], "");

    if (path)
      unlink (path);
  }
  if (socket)
    unlink_stale_socket (socket);
}
