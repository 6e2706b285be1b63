/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors handed from one process to another over a Unix socket: one byte,
 * with SCM_RIGHTS. */

#ifndef PULLBACK_DESCRIPTORS_H
#define PULLBACK_DESCRIPTORS_H

#include <stddef.h>

#define DESCRIPTORS_MAX 8

/* The descriptors stay the caller's.  -1: errno is set. */
int descriptors_send (int socket, const int *fds, size_t count);

/* Waits for at most so many seconds.  The descriptors (close-on-exec) are the
 * caller's.  Returns how many came, -1: errno is set (EPROTO: none, or more
 * than 'max'). */
int descriptors_receive (int socket, int seconds, int *fds, size_t max);

#endif /* PULLBACK_DESCRIPTORS_H */
