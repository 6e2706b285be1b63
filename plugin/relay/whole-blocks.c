/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts extents that end anywhere into whole blocks.  One whose parts differ is
 * neither a hole nor zeroes: it is data, in a view what changed, and must be
 * read. */

#include "config.h"

#include "plugin/relay/whole-blocks.h"

static int
keep (struct whole_blocks *blocks, uint64_t length, uint32_t flags)
{
  blocks->covered += length;
  return map_append (blocks->builder, length, flags);
}

int
whole_blocks_add (struct whole_blocks *blocks, uint64_t length, uint32_t flags)
{
  struct map_extent *begun = &blocks->begun;
  uint64_t taken;

  if (begun->length > 0 && length > 0) {
    taken = blocks->minimum - begun->length;
    taken = taken < length ? taken : length;
    length -= taken;
    begun->length += taken;
    begun->flags = begun->flags == flags ? flags : 0;
    if (begun->length < blocks->minimum)
      return 0;
    if (keep (blocks, blocks->minimum, begun->flags) == -1)
      return -1;
    begun->length = 0;
  }
  if (length == 0)
    return 0;
  /* The size of a block is a power of 2. */
  *begun = (struct map_extent){ length & (blocks->minimum - 1), flags };
  return keep (blocks, length - begun->length, flags);
}

int
whole_blocks_end (struct whole_blocks *blocks)
{
  return blocks->begun.length > 0 ? keep (blocks, blocks->minimum, 0) : 0;
}
