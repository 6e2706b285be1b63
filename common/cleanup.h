/* SPDX-License-Identifier: BSD-3-Clause */
/* Cleanup attributes for what every part owns: memory, descriptors, locks.
 * A type with an owner of its own defines its attribute beside the type. */

#ifndef PULLBACK_CLEANUP_H
#define PULLBACK_CLEANUP_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void
cleanup_free (void *pointer)
{
  free (*(void **) pointer);
}

static inline void
cleanup_close (int *fd)
{
  if (*fd >= 0)
    close (*fd);
}

static inline void
cleanup_fclose (FILE **file)
{
  if (*file)
    fclose (*file);
}

static inline void
cleanup_unlock (pthread_mutex_t **lock)
{
  pthread_mutex_unlock (*lock);
}

/* Freed, or closed unless -1, when the variable goes out of scope. */
#define CLEANUP_FREE   __attribute__ ((cleanup (cleanup_free)))
#define CLEANUP_CLOSE  __attribute__ ((cleanup (cleanup_close)))
#define CLEANUP_FCLOSE __attribute__ ((cleanup (cleanup_fclose)))

/* Holds the lock until the end of the enclosing scope. */
#define LOCK_IN_SCOPE_NAMED(lock, line)                                        \
  __attribute__ ((cleanup (cleanup_unlock), unused))                           \
  pthread_mutex_t *held_##line = ((void) pthread_mutex_lock (lock), (lock))
#define LOCK_IN_SCOPE_AT(lock, line) LOCK_IN_SCOPE_NAMED (lock, line)
#define LOCK_IN_SCOPE(lock)          LOCK_IN_SCOPE_AT (lock, __LINE__)

/* The value of a pointer (or descriptor) variable, which no longer owns it. */
#define STEAL(pointer)                                                         \
  ({                                                                           \
    __typeof__ (pointer) stolen_ = (pointer);                                  \
    (pointer) = NULL;                                                          \
    stolen_;                                                                   \
  })
#define STEAL_FD(fd)                                                           \
  ({                                                                           \
    int stolen_ = (fd);                                                        \
    (fd) = -1;                                                                 \
    stolen_;                                                                   \
  })

#endif /* PULLBACK_CLEANUP_H */
