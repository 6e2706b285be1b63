/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeps a guest frozen for the moment of a cut, by a process of its own,
 * pullback-freezer, that thaws it whatever becomes of the one that asked for
 * it: when it is told to, when that one is gone, or when time is up. */

#ifndef PULLBACK_FREEZER_H
#define PULLBACK_FREEZER_H

#include <stdint.h>

struct freezer_request {
  const char *agent; /* the guest agent's socket; NULL: none */
  const char *hook;  /* see hook.h; NULL: none.  It freezes first and thaws
                        last. */
  unsigned seconds;  /* limit of each step, and of how long all is frozen */
};

struct freezer;

/* All is frozen when it returns.  NULL: reported; what may have been frozen is
 * being thawed. */
struct freezer *freezer_start (const struct freezer_request *request);

/* How many file systems the agent froze. */
unsigned freezer_count (const struct freezer *freezer);

/* Thaws all and frees it.  0: it was frozen up to now, for *microseconds.  -1:
 * it was not, or cannot be thawed at once, which is tried again for long;
 * reported.  NULL is no error. */
int freezer_end (struct freezer *freezer, uint64_t *microseconds);

/* Between the two processes: what pullback-freezer says, a line each, on its
 * standard output.  It thaws when its standard input has a byte or ends. */
#define FREEZER_FROZEN "frozen " /* number of file systems */
#define FREEZER_THAWED "thawed"
#define FREEZER_FAILED "failed " /* enum error_kind and the text */

#endif /* PULLBACK_FREEZER_H */
