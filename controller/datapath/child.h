/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts a program that serves inherited sockets, and finds it again after the
 * death of whoever started it. */

#ifndef PULLBACK_CHILD_H
#define PULLBACK_CHILD_H

#include <stddef.h>
#include <sys/types.h>

/* The number of the first of the sockets in the child. */
#define CHILD_FIRST_SOCKET 3

struct child {
  const char *name;  /* for messages */
  char *const *argv; /* argv[0] is searched in PATH */
  const int *sockets;
  size_t nr_sockets; /* at most DESCRIPTORS_MAX */
  const char *log;
  const char *lock;
};

/* Forks and executes it in a session of its own, with /dev/null as standard
 * input, the log as standard output and error, and the sockets as its
 * descriptors from 3 on by the protocol of socket activation (LISTEN_FDS,
 * LISTEN_PID).  It holds a lock on the file 'lock' as long as it lives.  The
 * descriptors stay the caller's.  Returns when it executes.  -1: reported. */
pid_t child_start (const struct child *child);

/* A descriptor (pidfd) of the process that holds the lock, close-on-exec, -1 if
 * there is none; nothing is reported.  The kernel says who that is: neither a
 * crash nor a pid that is used again can make it wrong. */
int child_find (const char *lock, pid_t *pid);

#endif /* PULLBACK_CHILD_H */
