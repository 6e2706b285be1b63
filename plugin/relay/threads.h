/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads with small stacks: there are two for each connection. */

#ifndef PULLBACK_THREADS_H
#define PULLBACK_THREADS_H

#include <pthread.h>

/* To be joined.  -1: reported. */
int thread_start (pthread_t *thread, void *(*function) (void *), void *opaque);

#endif /* PULLBACK_THREADS_H */
