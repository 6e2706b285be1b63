/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the daemon's sockets, state and configuration are: the same answer for
 * the daemon, the client library and the CLI. */

#ifndef PULLBACK_PATHS_H
#define PULLBACK_PATHS_H

#include <stdlib.h>

/* Absolute paths, the holder's.
 *
 *            root               else (XDG Base Directory)     PULLBACK_HOME=DIR
 *   run      /run/pullback      $XDG_RUNTIME_DIR/pullback     DIR/run
 *   state    /var/lib/pullback  $XDG_STATE_HOME/pullback      DIR/state
 *   config   /etc/pullback      $XDG_CONFIG_HOME/pullback     DIR/config
 */
struct paths {
  char *run, *state, *config;
};

/* Nothing is made.  -1: reported. */
int paths_default (struct paths *paths);
void paths_free (struct paths *paths);

/* RUN/pullbackd.sock and RUN/pullbackd.pid, the caller's; NULL: reported. */
char *paths_socket (const char *run_folder);
char *paths_pid_file (const char *run_folder);

/* As given, or below the working directory if relative.  The caller's. */
char *paths_absolute (const char *path);

/* A Unix socket's path has a limit far below a file's: -1 with the path and the
 * limit reported if it is longer. */
int paths_check_socket (const char *path);

/* Makes a folder and those above it with mode 0700.  One that is there must
 * belong to this user, and gets mode 0700.  -1: reported. */
int paths_make_private (const char *folder);

#define CLEANUP_PATHS __attribute__ ((cleanup (paths_free)))

#endif /* PULLBACK_PATHS_H */
