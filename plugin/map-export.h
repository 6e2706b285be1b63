/* SPDX-License-Identifier: BSD-3-Clause */
/* A map as the bytes of an export, beside the export that it describes: the
 * relay learns it by reading, much faster than by block status. */

#ifndef PULLBACK_MAP_EXPORT_H
#define PULLBACK_MAP_EXPORT_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "plugin/map.h"

/* The map of export X is the export "pullback-map:X", which is not listed.  The
 * plugin takes in no export of its server's that is so named, and the relay
 * lets no client open one. */
#define MAP_EXPORT_PREFIX "pullback-map:"

/* The layout, in version 1.  All numbers are big-endian, and what is not named
 * here is zero.
 *
 *   0                               struct map_export_header
 *   (1 + i) * MAP_EXPORT_STRIDE     segment i of the map, which describes
 *                                   MAP_SEGMENT_SIZE bytes from
 *                                   i * MAP_SEGMENT_SIZE on, or those that are
 *                                   left: the number of runs (64 bits, 1 to
 *                                   MAP_SEGMENT_RUNS), then the runs
 *
 * Runs are in ascending order, and the last one ends where the segment does.
 * Flags are those of base:allocation (1: hole, 2: reads as zeroes).  The export
 * ends MAP_EXPORT_STRIDE bytes after the beginning of the last segment. */
#define MAP_EXPORT_MAGIC  UINT64_C (0x50756c6c4d617001) /* "PullMap", 1 */
#define MAP_EXPORT_STRIDE (UINT64_C (1) << 26)
#define MAP_EXPORT_FLAGS  3 /* all that there are */

struct map_export_header {
  uint64_t magic;
  uint64_t size; /* of the export described, in bytes */
  uint64_t segment_size;
};

struct map_export_run {
  uint32_t end; /* relative to the segment */
  uint32_t flags;
};

/* The name of the export that is described by the export 'name'; NULL: it is
 * not the name of a map. */
static inline const char *
map_export_of (const char *name)
{
  const size_t length = strlen (MAP_EXPORT_PREFIX);

  return strncmp (name, MAP_EXPORT_PREFIX, length) == 0 ? name + length : NULL;
}

/* The bytes of the map of an export of 'size' bytes, which is below 2^63. */
static inline uint64_t
map_export_size (uint64_t size)
{
  return ((size + MAP_SEGMENT_SIZE - 1) / MAP_SEGMENT_SIZE + 1) *
         MAP_EXPORT_STRIDE;
}

/* Reads 'count' bytes at 'offset', within the map export of 'map', which
 * describes 'size' bytes.  What the map calls f is told as flags[f].  -1: a
 * fetch failed (reported by it; errno as map_query). */
int map_export_read (struct map *map, uint64_t size,
                     const uint32_t flags[MAP_EXPORT_FLAGS + 1], void *buffer,
                     uint32_t count, uint64_t offset);

/* Fetches what a read of the range would have to fetch.  -1: as above. */
int map_export_cache (struct map *map, uint32_t count, uint64_t offset);

#endif /* PULLBACK_MAP_EXPORT_H */
