/* SPDX-License-Identifier: BSD-3-Clause */
/* The block status of many ranges of an export at once: lists of ranges, and
 * the asking, with many requests in flight. */

#ifndef PULLBACK_STATUS_H
#define PULLBACK_STATUS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "plugin/pool.h"

/* Bytes [offset, offset + length) of an export, with the flags of one metadata
 * context where they are known. */
struct range {
  uint64_t offset;
  uint64_t length;
  uint32_t flags;
};

/* Ascending, not overlapping.  Starts as { 0 }. */
struct ranges {
  struct range *items;
  size_t count;
  size_t allocated;
};

/* Joined to the last range if it goes on there with the same flags.  -1: out of
 * memory (errno). */
int ranges_append (struct ranges *ranges, uint64_t offset, uint64_t length,
                   uint32_t flags);

static inline void
cleanup_ranges (struct ranges *ranges)
{
  free (ranges->items);
}
#define CLEANUP_RANGES __attribute__ ((cleanup (cleanup_ranges)))

/* Asks for the status of 'wanted' in the context of 'pool', of these bytes and
 * no others, and appends it to 'answer', which then covers exactly 'wanted'.
 * Returns -1, the error reported and errno set, if any of it cannot be had. */
int status_ask (struct pool *pool, const struct ranges *wanted,
                struct ranges *answer);

#endif /* PULLBACK_STATUS_H */
