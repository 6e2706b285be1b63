/* SPDX-License-Identifier: BSD-3-Clause */
/* A set of bytes, as runs that neither touch nor overlap: cheap to add to, in
 * any order, and of bounded memory. */

#ifndef PULLBACK_RUNS_H
#define PULLBACK_RUNS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes from 'start' up to 'end', which is not one of them. */
struct byte_run {
  uint64_t start, end;
};

/* One thread at a time. */
struct runs {
  struct byte_run *items; /* ascending */
  size_t count, allocated;
  struct byte_run *pending; /* in the order in which they came */
  size_t pending_count;
  atomic_size_t *budget; /* runs that may still be allocated, of all sets that
                            share it; stays the caller's */
  bool forgot;           /* something that was added is missing */
};

/* Whether so many were left; they are taken then, to be given back by adding to
 * it. */
bool budget_take (atomic_size_t *budget, size_t wanted);

void runs_init (struct runs *runs, atomic_size_t *budget);
void runs_clear (struct runs *runs);

/* What memory is too short for is forgotten: the set never has a byte that was
 * not added. */
void runs_add (struct runs *runs, uint64_t offset, uint64_t length);
void runs_add_all (struct runs *runs, struct runs *other);

/* Sorts in what was added; 'items' are then the whole set. */
void runs_settle (struct runs *runs);

/* Bytes in it. */
uint64_t runs_total (struct runs *runs);

/* How many bytes of [start, end) are in the set, which is settled.  *cursor is
 * 0 for the first range, and ranges ascend. */
uint64_t runs_covered (const struct runs *runs, size_t *cursor, uint64_t start,
                       uint64_t end);

#endif /* PULLBACK_RUNS_H */
