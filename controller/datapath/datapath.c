/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts the data path of a job together: every socket is bound first, then the
 * processes start on them, so that none has to be waited for. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/datapath/broker.h"
#include "controller/datapath/datapath.h"
#include "controller/datapath/listener.h"
#include "controller/datapath/probe.h"
#include "controller/datapath/process.h"

struct datapath {
  char *broker_socket, *plugin_socket, *relay_socket; /* relay's: NULL if TCP */
  char *qemu_socket;
  int broker_listener; /* until the broker takes it over, else -1 */
  struct broker *broker;
  struct process *nbdkit, *relay;
  datapath_failed failed;
  void *opaque;
};

static void
process_failed (void *opaque, const char *name, const char *how)
{
  struct datapath *datapath = opaque;
  CLEANUP_FREE char *reason = NULL;

  if (asprintf (&reason, "%s %s; its log is in the job's folder", name, how) ==
      -1)
    reason = NULL;
  datapath->failed (datapath->opaque, reason ? reason : name);
}

static char *
path_in (const char *folder, const char *name)
{
  char *path;

  if (asprintf (&path, "%s/%s", folder, name) == -1) {
    fail_errno (ERROR_SYSTEM, "data path");
    return NULL;
  }
  return path;
}

/* The broker's socket listens from the start, but nobody accepts: a connection
 * that were made while a begin fails would still negotiate when QEMU's server
 * is stopped again, which QEMU 7.2 does not survive. */
static int
prepare_broker (struct datapath *datapath,
                const struct datapath_request *request)
{
  datapath->qemu_socket = strdup (request->qemu_socket);
  datapath->broker_socket = path_in (request->folder, "broker.sock");
  if (datapath->qemu_socket == NULL || datapath->broker_socket == NULL)
    return fail (ERROR_SYSTEM, "data path: out of memory");
  datapath->broker_listener = listen_unix (datapath->broker_socket);
  return datapath->broker_listener == -1 ? -1 : 0;
}

int
datapath_open (struct datapath *datapath)
{
  datapath->broker = broker_start (STEAL_FD (datapath->broker_listener),
                                   datapath->qemu_socket);
  return datapath->broker ? 0 : -1;
}

static int
start_nbdkit (struct datapath *datapath, const struct datapath_request *request)
{
  const char *plugin = getenv ("PULLBACK_PLUGIN");
  CLEANUP_FREE char *log = path_in (request->folder, "nbdkit.log");
  CLEANUP_FREE char *broker = NULL;
  CLEANUP_CLOSE int listener = -1;

  datapath->plugin_socket = path_in (request->folder, "plugin.sock");
  if (log == NULL || datapath->plugin_socket == NULL ||
      asprintf (&broker, "broker=%s", datapath->broker_socket) == -1)
    return fail (ERROR_SYSTEM, "cannot start nbdkit: out of memory");
  listener = listen_unix (datapath->plugin_socket);
  if (listener == -1)
    return -1;

  char *const argv[] = { (char *) "nbdkit",
                         (char *) "--foreground",
                         (char *) "--readonly",
                         (char *) (plugin ? plugin : "pullback"),
                         broker,
                         NULL };
  datapath->nbdkit =
      process_start ("nbdkit", argv, listener, log, process_failed, datapath);
  return datapath->nbdkit ? 0 : -1;
}

static int
listen_for_clients (struct datapath *datapath,
                    const struct datapath_request *request)
{
  int listener;

  if (request->transport == SERVER_TCP)
    return listen_tcp (request->host, request->port);
  listener = listen_unix (request->socket);
  if (listener != -1)
    datapath->relay_socket = strdup (request->socket);
  return listener;
}

/* Appends 'text' with its commas doubled, as the relay's --context has it. */
static void
put_escaped (FILE *file, const char *text)
{
  for (; *text; text++) {
    if (*text == ',')
      putc (',', file);
    putc (*text, file);
  }
}

static char *
context_argument (const struct datapath_context *context)
{
  char *text = NULL;
  size_t size;
  FILE *file = open_memstream (&text, &size);

  if (file == NULL)
    return NULL;
  fputs ("export=", file);
  put_escaped (file, context->export_name);
  fputs (",name=", file);
  put_escaped (file, context->name);
  fputs (",view=", file);
  put_escaped (file, context->view);
  return fclose (file) == 0 ? text : NULL;
}

static void
free_arguments (char ***argv)
{
  char **argument;

  for (argument = *argv; argument && *argument; argument++)
    free (*argument);
  free (*argv);
}

/* The relay's command line; NULL: reported. */
static char **
relay_arguments (const struct datapath *datapath,
                 const struct datapath_request *request)
{
  const char *relay = getenv ("PULLBACK_RELAY");
  __attribute__ ((cleanup (free_arguments))) char **argv =
      calloc (4 + 2 * request->nr_contexts, sizeof *argv);
  size_t count = 0, i;

  if (argv == NULL ||
      !(argv[count++] = strdup (relay ? relay : "pullback-relay")) ||
      !(argv[count++] = strdup ("--upstream")) ||
      asprintf (&argv[count++], "unix:%s", datapath->plugin_socket) == -1)
    goto out_of_memory;
  for (i = 0; i < request->nr_contexts; i++) {
    if (!(argv[count++] = strdup ("--context")) ||
        !(argv[count++] = context_argument (&request->contexts[i])))
      goto out_of_memory;
  }
  return STEAL (argv);

out_of_memory:
  fail (ERROR_SYSTEM, "cannot start the relay: out of memory");
  return NULL;
}

static int
start_relay (struct datapath *datapath, const struct datapath_request *request)
{
  __attribute__ ((cleanup (free_arguments))) char **argv = NULL;
  CLEANUP_FREE char *log = path_in (request->folder, "relay.log");
  CLEANUP_CLOSE int listener = -1;

  if (log == NULL)
    return -1;
  argv = relay_arguments (datapath, request);
  if (argv == NULL)
    return -1;
  listener = listen_for_clients (datapath, request);
  if (listener == -1)
    return -1;
  datapath->relay = process_start ("pullback-relay", argv, listener, log,
                                   process_failed, datapath);
  return datapath->relay ? 0 : -1;
}

struct datapath *
datapath_start (const struct datapath_request *request, datapath_failed failed,
                void *opaque)
{
  struct datapath *datapath = calloc (1, sizeof *datapath);

  if (datapath == NULL) {
    fail_errno (ERROR_SYSTEM, "data path");
    return NULL;
  }
  datapath->failed = failed;
  datapath->opaque = opaque;
  datapath->broker_listener = -1;
  if (prepare_broker (datapath, request) == -1 ||
      start_nbdkit (datapath, request) == -1 ||
      start_relay (datapath, request) == -1) {
    datapath_stop (datapath);
    return NULL;
  }
  return datapath;
}

int
datapath_probe (const struct datapath *datapath, const char *export_name)
{
  return probe_export (datapath->plugin_socket, export_name);
}

void
datapath_processes (const struct datapath *datapath,
                    pid_t processes[DATAPATH_PROCESSES])
{
  processes[0] = process_pid (datapath->relay);
  processes[1] = process_pid (datapath->nbdkit);
}

size_t
datapath_sockets (const struct datapath *datapath,
                  const char *sockets[DATAPATH_SOCKETS])
{
  size_t count = 0;

  sockets[count++] = datapath->broker_socket;
  sockets[count++] = datapath->plugin_socket;
  sockets[count++] = datapath->qemu_socket;
  if (datapath->relay_socket)
    sockets[count++] = datapath->relay_socket;
  return count;
}

static void
remove_socket (char *path)
{
  if (path)
    unlink (path);
  free (path);
}

void
datapath_stop (struct datapath *datapath)
{
  if (datapath == NULL)
    return;
  process_stop (datapath->relay);
  process_stop (datapath->nbdkit);
  broker_stop (datapath->broker);
  if (datapath->broker_listener != -1)
    close (datapath->broker_listener);
  free (datapath->qemu_socket);
  remove_socket (datapath->relay_socket);
  remove_socket (datapath->plugin_socket);
  remove_socket (datapath->broker_socket);
  free (datapath);
}
