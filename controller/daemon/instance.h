/* SPDX-License-Identifier: BSD-3-Clause */
/* One daemon a run folder: the lock on its pid file, and the socket that only
 * the holder of the lock listens on. */

#ifndef PULLBACK_INSTANCE_H
#define PULLBACK_INSTANCE_H

#include <stdbool.h>

struct instance {
  char *socket_path, *pid_path;
  int lock;   /* the pid file, locked for as long as the daemon lives */
  int socket; /* listening */
};

/* Makes the run folder, takes the lock, writes the pid, replaces a socket that
 * a dead daemon left, and listens.  Another daemon that has the folder is asked
 * to make room if 'replace' is said, by SIGUSR1, and waited for.  -1: reported;
 * ERROR_CONFLICT if another daemon has the folder. */
int instance_open (struct instance *instance, const char *run_folder,
                   bool replace);

/* Nobody finds the daemon any more, but it is still the only one. */
void instance_hide (struct instance *instance);

/* Removes the socket and the pid file and lets the lock go. */
void instance_close (struct instance *instance);

#endif /* PULLBACK_INSTANCE_H */
