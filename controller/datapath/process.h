/* SPDX-License-Identifier: BSD-3-Clause */
/* A process that is watched, and started again where it ends by itself. */

#ifndef PULLBACK_PROCESS_H
#define PULLBACK_PROCESS_H

#include <stdbool.h>

#include "controller/datapath/child.h"

struct process;

/* Called on the watching thread when the process ended without process_stop;
 * 'how' says in words what happened to it ("was killed by signal 9").  True: it
 * is to be started again. */
typedef bool (*process_ended) (void *opaque, const char *how);
/* On the same thread when it could not be started again, with an error. */
typedef void (*process_failed) (void *opaque, const char *error);

struct process_watch {
  process_ended ended;
  process_failed failed;
  void *opaque;
};

/* Starts it.  'child' and all that it names stay the caller's and outlive the
 * process.  NULL: reported. */
struct process *process_start (const struct child *child,
                               const struct process_watch *watch);

/* The same with one that holds the lock already, started by a daemon that died.
 * NULL: there is none, or reported (*running tells). */
struct process *process_adopt (const struct child *child,
                               const struct process_watch *watch,
                               bool *running);

/* Asks it to end by SIGTERM, insists by SIGKILL after a few seconds, and frees
 * everything.  Returns only when it is gone.  NULL is no error. */
void process_stop (struct process *process);

/* The same to whoever holds the lock. */
void process_end_found (const char *lock, const char *name);

#endif /* PULLBACK_PROCESS_H */
