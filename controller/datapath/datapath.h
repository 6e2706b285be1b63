/* SPDX-License-Identifier: BSD-3-Clause */
/* The data path of one job: the broker of connections to QEMU, nbdkit with the
 * plugin, and the relay that clients talk to. */

#ifndef PULLBACK_DATAPATH_H
#define PULLBACK_DATAPATH_H

#include <stddef.h>
#include <sys/types.h>

#include "controller/formats/formats.h"

/* A metadata context that the relay adds beside those it finds by itself. */
struct datapath_context {
  const char *export_name;
  const char *name; /* qemu:dirty-bitmap:backup-vda */
  const char *view; /* vda@monday */
};

struct datapath_request {
  const char *folder;      /* the job's, for sockets and logs */
  const char *qemu_socket; /* of QEMU's NBD server; need not be there yet */
  enum server_transport transport;
  const char *socket; /* of the relay: a path, or host and port */
  const char *host;
  unsigned port;
  const struct datapath_context *contexts;
  size_t nr_contexts;
};

/* Called from a thread of its own when a process of the data path ended by
 * itself. */
typedef void (*datapath_failed) (void *opaque, const char *reason);

struct datapath;

/* Binds all sockets and starts all processes; a client that comes now waits.
 * NULL: reported, and nothing is left. */
struct datapath *datapath_start (const struct datapath_request *request,
                                 datapath_failed failed, void *opaque);

/* QEMU's exports are there: connections to them are handed out from now on. */
int datapath_open (struct datapath *datapath);

/* Whether the export can still be read through it.  -1: reported. */
int datapath_probe (const struct datapath *datapath, const char *export_name);

/* For a journal: the processes in the order in which they are to be stopped,
 * and the paths of the sockets, the data path's; returns how many these are. */
#define DATAPATH_PROCESSES 2
#define DATAPATH_SOCKETS   4
void datapath_processes (const struct datapath *datapath,
                         pid_t processes[DATAPATH_PROCESSES]);
size_t datapath_sockets (const struct datapath *datapath,
                         const char *sockets[DATAPATH_SOCKETS]);

/* Stops the relay, then nbdkit, then the broker; QEMU must have closed its side
 * of the connections in transmission before. */
void datapath_stop (struct datapath *datapath);

#endif /* PULLBACK_DATAPATH_H */
