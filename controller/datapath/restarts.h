/* SPDX-License-Identifier: BSD-3-Clause */
/* How often a process may be started again: one that ends again and again does
 * so for a reason that starting it does not remove. */

#ifndef PULLBACK_RESTARTS_H
#define PULLBACK_RESTARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define RESTARTS_AT_MOST 5
#define RESTARTS_SECONDS 60

/* Starts as { 0 }. */
struct restarts {
  struct timespec
      times[RESTARTS_AT_MOST]; /* the last ones, monotonic; a ring */
  size_t count;                /* of all */
};

/* Counts one more, unless there were so many within so many seconds. */
static inline bool
restarts_allow (struct restarts *restarts)
{
  struct timespec *oldest =
      &restarts->times[restarts->count % RESTARTS_AT_MOST];
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  if (restarts->count >= RESTARTS_AT_MOST &&
      now.tv_sec - oldest->tv_sec < RESTARTS_SECONDS)
    return false;
  *oldest = now;
  restarts->count++;
  return true;
}

#endif /* PULLBACK_RESTARTS_H */
