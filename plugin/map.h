/* SPDX-License-Identifier: BSD-3-Clause */
/* What is known about the extents of an immutable export, run-length encoded
 * in memory, filled piece by piece on first use and shared by all threads. */

#ifndef PULLBACK_MAP_H
#define PULLBACK_MAP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A map is cut into segments of this many bytes; a segment is fetched as a
 * whole by the first thread that needs it, while others wait for it.  It is
 * below 2^32, so that an NBD request without extended headers can cover it. */
#define MAP_SEGMENT_SIZE (UINT64_C (1) << 31)

/* A segment with more runs than this (one a sector) is refused: the answers
 * come from outside, and are not to fill the memory. */
#define MAP_SEGMENT_RUNS (MAP_SEGMENT_SIZE / 512)

struct map;

/* Segments in the making, to be filled in ascending order. */
struct map_builder;

/* Fetches the extents of [offset, offset + length) by calling map_append for
 * each in ascending order without gaps.  The range begins and ends with a
 * segment, or at the export's end; the first segment is the one that somebody
 * waits for, and those that follow it are fetched ahead since he is likely to
 * ask for them next.  Each is there for all as soon as it is whole.  Called
 * with no lock held, at most once at a time for one segment, from any thread.
 *
 * What is not whole at the end is not kept, and a later query tries again: the
 * first segment must be, but for an error, which is reported and -1 returned.
 */
typedef int (*map_fetch) (void *opaque, uint64_t offset, uint64_t length,
                          struct map_builder *builder);

/* A run of bytes with the same flags. */
struct map_extent {
  uint64_t length; /* bytes, never 0 */
  uint32_t flags;
};

/* An empty map of an export of 'size' bytes.  'opaque' stays the caller's and
 * must outlive the map.  NULL: out of memory (errno). */
struct map *map_new (uint64_t size, map_fetch fetch, void *opaque);
void map_free (struct map *map);

/* Adds a run to what is being fetched; equal neighbours are joined, what
 * reaches beyond the range is cut off.  A length of 0 is ignored.  -1: out of
 * memory (errno ENOMEM) or more than MAP_SEGMENT_RUNS (EFBIG); the fetch then
 * reports it and returns -1. */
int map_append (struct map_builder *builder, uint64_t length, uint32_t flags);

/* The extents of [offset, offset + length), at most 'max_extents' of them,
 * fetching what is not there yet.  The range must lie inside the export and not
 * be empty, 'max_extents' be at least 1.  Neighbours are joined across
 * segments; the last extent ends at the end of the range at the latest, and
 * exactly there if there are fewer than 'max_extents'.
 *
 * Returns how many were written to 'extents', -1 if a fetch failed (reported by
 * it; errno is the fetch's), stopped short of its range (errno EPROTO), or
 * memory ran out (ENOMEM). */
ssize_t map_query (struct map *map, uint64_t offset, uint64_t length,
                   struct map_extent *extents, size_t max_extents);

/* The same of what is there already: fetches nothing and waits for nothing.
 * The extents end where something would have to be fetched, or as above.  0:
 * nothing is known of the first byte. */
size_t map_known (struct map *map, uint64_t offset, uint64_t length,
                  struct map_extent *extents, size_t max_extents);

/* A run as segments have it: it ends at this byte of the segment, and begins
 * where the one before it ends. */
struct map_run {
  uint32_t end;
  uint32_t flags;
};

/* The runs of the segment that begins at index * MAP_SEGMENT_SIZE, within the
 * export: how many there are, and in *runs where, for as long as the map lives.
 * Neighbours differ in their flags, and the last one ends with the segment.  0:
 * as map_query's -1. */
size_t map_segment (struct map *map, uint64_t index,
                    const struct map_run **runs);

/* The bytes of memory that the map holds, for reports. */
size_t map_memory (struct map *map);

#endif /* PULLBACK_MAP_H */
