/* SPDX-License-Identifier: BSD-3-Clause */
/* The two processes behind the relay's errands: a child that runs them, and its
 * keeper, which does nothing but make another child when that is gone, as the
 * confined relay cannot. */

#ifndef PULLBACK_ERRAND_CHILD_H
#define PULLBACK_ERRAND_CHILD_H

struct address;
struct listeners;

/* What the child knows; the relay cannot change it. */
struct errand_targets {
  const struct address *server;
  const char *keys; /* NULL: none */
  const struct listeners *listeners;
};

/* The keeper's life, in a process of its own.  For each ERRAND_ANOTHER_CHILD on
 * the channel it ends the child that there is, makes one, and answers with the
 * channel to that; there is never more than one.  Returns when the relay is
 * gone, and the child with it. */
void errand_keeper_run (int channel, const struct errand_targets *targets);

#endif /* PULLBACK_ERRAND_CHILD_H */
