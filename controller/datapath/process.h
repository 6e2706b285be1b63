/* SPDX-License-Identifier: BSD-3-Clause */
/* A child process that serves an inherited listening socket, and is watched. */

#ifndef PULLBACK_PROCESS_H
#define PULLBACK_PROCESS_H

#include <sys/types.h>

struct process;

/* Called on the watching thread when the process ended without process_stop;
 * 'how' says in words what happened to it ("was killed by signal 9"). */
typedef void (*process_ended) (void *opaque, const char *name, const char *how);

/* Starts argv[0] (searched in PATH; 'name' is for messages) in a session of its
 * own, with 'listener' as its descriptor 3 by the protocol of socket activation
 * (LISTEN_FDS, LISTEN_PID), /dev/null as standard input, and 'log' as standard
 * output and error.  The descriptors stay the caller's.  NULL: reported. */
struct process *process_start (const char *name, char *const *argv,
                               int listener, const char *log,
                               process_ended ended, void *opaque);

pid_t process_pid (const struct process *process);

/* Asks it to end by SIGTERM, insists by SIGKILL after a few seconds, reaps it
 * and frees everything.  Returns only when it is gone. */
void process_stop (struct process *process);

#endif /* PULLBACK_PROCESS_H */
