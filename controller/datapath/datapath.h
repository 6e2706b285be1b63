/* SPDX-License-Identifier: BSD-3-Clause */
/* The data path of one job: the broker of connections to QEMU, nbdkit with the
 * plugin, and the relay that clients talk to.  It needs no daemon while it
 * runs; a daemon starts again what ends by itself, and the next daemon takes
 * over what the last one left. */

#ifndef PULLBACK_DATAPATH_H
#define PULLBACK_DATAPATH_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/formats/formats.h"

/* A metadata context that the relay adds beside those it finds by itself. */
struct datapath_context {
  const char *export_name;
  const char *name; /* qemu:dirty-bitmap:backup-vda */
  const char *view; /* vda@monday */
};

/* The relay's certificates, and which of its clients'. */
struct datapath_certificates {
  const char *folder;
  bool any_peer;               /* clients need none */
  const char *const *subjects; /* patterns, up to NULL; none: any subject */
};

struct datapath_request {
  const char *folder;      /* the job's, for sockets, locks and logs */
  const char *qemu_socket; /* of QEMU's NBD server; need not be there yet */
  enum server_transport transport;
  const char *socket; /* of the relay: a path, or host and port */
  const char *host;
  unsigned port;
  bool tls; /* required; with tickets, and with certificates if there are any */
  const struct datapath_certificates *certificates; /* NULL: none */
  bool insecure; /* others can connect without TLS, too */
  const struct datapath_context *contexts;
  size_t nr_contexts;
  const char *const *changes_only; /* exports that are served only as views */
  size_t nr_changes_only;
  bool reclaim; /* what was read once is discarded from QEMU */
};

/* What a data path has to say, each on a thread of its own; 'text' names the
 * process and what happened to it. */
struct datapath_watch {
  void *opaque;
  /* It was started again: clients that were connected have to connect again. */
  void (*restarted) (void *opaque, const char *text);
  /* It is gone for good. */
  void (*failed) (void *opaque, const char *text);
  /* The broker has gone, and with it what kept the connections to QEMU open
   * whatever happens: QEMU is to close them before anything else ends. */
  void (*exposed) (void *opaque, const char *text);
};

struct datapath;

/* Where nbdkit keeps what it has reclaimed of an export; the caller's, who
 * removes it at the end.  NULL: reported. */
char *datapath_reclaimed (const char *folder, const char *export_name);

/* Binds all sockets and starts nbdkit and the relay; a client that comes now
 * waits.  NULL: reported, and nothing is left. */
struct datapath *datapath_start (const struct datapath_request *request,
                                 const struct datapath_watch *watch);

/* QEMU's exports are there: connections to them are handed out from now on. */
int datapath_open (struct datapath *datapath);

/* Takes over one that was open when its daemon died: its sockets, its processes
 * as far as they live, and those that do not are started again.  NULL: it
 * cannot be (the broker has gone), reported, and all is left as it is. */
struct datapath *datapath_take_over (const struct datapath_request *request,
                                     const struct datapath_watch *watch);

/* The relay answers: its command line and certificates are good.  -1: reported,
 * with the reason that the relay gave. */
int datapath_wait_for_relay (const struct datapath *datapath);

/* Says a command and its words on the relay's control channel; see control.h.
 */
int datapath_say (const struct datapath *datapath, const char *const *words,
                  char **answer);

/* Whether it was started again since the data path was started or taken over,
 * so that it has forgotten what it was told and what was read. */
bool datapath_relay_is_another (const struct datapath *datapath);

/* Whether what there is of the export can still be read; 'whole': that is all
 * of it.  -1: reported. */
int datapath_probe (const struct datapath *datapath, const char *export_name,
                    bool whole);

/* Stops the relay, then nbdkit, then the broker; QEMU must have closed its side
 * of the connections in transmission before.  NULL is no error. */
void datapath_stop (struct datapath *datapath);

/* The same to what a daemon that died has left in the job's folder, as far as
 * there is anything; 'socket' is the relay's path, NULL: there is none. */
void datapath_stop_found (const char *folder, const char *socket);

#endif /* PULLBACK_DATAPATH_H */
