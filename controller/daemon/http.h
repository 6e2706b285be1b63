/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP on a listening socket, one thread a connection, so that an operation
 * that waits for a QEMU holds up nobody else. */

#ifndef PULLBACK_HTTP_H
#define PULLBACK_HTTP_H

#include <stdbool.h>

#include "controller/domain/operations.h"

struct http;

/* Serves on 'listening', which stays the caller's, until http_stop.  NULL:
 * reported. */
struct http *http_start (struct service *service, int listening);

/* Accepts no more connections; those there are go on. */
void http_quiesce (struct http *http);

/* Waits for the operations that run, closes all connections and frees. */
void http_stop (struct http *http);

/* Seconds since the last connection was busy with something; 0 while there is
 * a connection at all, idle or not. */
unsigned http_idle_seconds (struct http *http);

#endif /* PULLBACK_HTTP_H */
