/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening sockets, made before anything else of a job, so that an address in
 * use is found while nothing has to be undone. */

#ifndef PULLBACK_LISTENER_H
#define PULLBACK_LISTENER_H

#include <stdbool.h>

/* A listening Unix socket at 'path', mode 0600.  A socket file that nobody
 * listens on any more is replaced; one that is in use is ERROR_CONFLICT.
 * Returns the descriptor (close-on-exec), -1: reported. */
int listen_unix (const char *path);

/* A listening TCP socket; unless 'exposed' only on a loopback address, since
 * what travels there is neither encrypted nor authenticated. */
int listen_tcp (const char *host, unsigned port, bool exposed);

/* Removes a socket file that nobody listens on, and no other. */
void unlink_stale_socket (const char *path);

/* Connects to a Unix socket, within some seconds even where nobody accepts.
 * -1: errno is set, nothing is reported. */
int connect_unix (const char *path);

#endif /* PULLBACK_LISTENER_H */
