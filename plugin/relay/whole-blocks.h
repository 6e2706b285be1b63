/* SPDX-License-Identifier: BSD-3-Clause */
/* Extents in whole blocks, whatever the server says: a client is told of no
 * less. */

#ifndef PULLBACK_WHOLE_BLOCKS_H
#define PULLBACK_WHOLE_BLOCKS_H

#include "plugin/map.h"

struct whole_blocks {
  struct map_builder *builder; /* who gets them */
  uint32_t minimum;            /* block size */
  struct map_extent begun; /* what was told last of a block not told whole */
  uint64_t covered;        /* bytes told, in whole blocks */
};

/* The next extent of the server's; a length of 0 is ignored.  -1: as
 * map_append. */
int whole_blocks_add (struct whole_blocks *blocks, uint64_t length,
                      uint32_t flags);

/* No more is told: what remains of a block that was not told whole is not
 * known, so that it is data.  -1: as map_append. */
int whole_blocks_end (struct whole_blocks *blocks);

#endif /* PULLBACK_WHOLE_BLOCKS_H */
