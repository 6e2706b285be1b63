/* SPDX-License-Identifier: BSD-3-Clause */
/* How the maps of an export and of its bitmaps are filled from the server. */

#ifndef PULLBACK_EXTENTS_H
#define PULLBACK_EXTENTS_H

#include "plugin/map.h"

/* Flags of every map here, those of base:allocation. */
#define EXTENT_DATA 0
#define EXTENT_HOLE 1
#define EXTENT_ZERO 2

/* Each is a map_fetch. */

/* Of a struct export: its base:allocation. */
int extents_fetch_allocation (void *export, uint64_t offset, uint64_t length,
                              struct map_builder *builder);

/* Of a struct bitmap: EXTENT_HOLE where it is clean, EXTENT_DATA where it is
 * dirty, with EXTENT_HOLE | EXTENT_ZERO for what reads as zeroes of that. */
int extents_fetch_changes (void *bitmap, uint64_t offset, uint64_t length,
                           struct map_builder *builder);

#endif /* PULLBACK_EXTENTS_H */
