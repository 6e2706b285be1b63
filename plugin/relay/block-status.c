/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers BLOCK_STATUS from the maps of the connection's contexts, one chunk
 * each. */

#include "config.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "plugin/relay/block-status.h"

/* In one chunk.  The protocol would allow 2^20; a client asks again from where
 * the answer ends. */
#define MAX_EXTENTS 65536

/* Into the context's own flags and the wire's byte order; what became equal is
 * joined.  Returns how many are left.  Lengths cannot overflow: they add up to
 * no more than the request's. */
static size_t
translate (const struct map_extent *extents, size_t count,
           const flag_table *flags, struct nbd_block_descriptor *descriptors)
{
  uint32_t length = 0, current = 0;
  size_t n = 0;

  for (size_t i = 0; i < count; i++) {
    const uint32_t next = (*flags)[extents[i].flags & 3];

    if (n == 0 || next != current) {
      n++;
      current = next;
      length = 0;
    }
    length += extents[i].length;
    descriptors[n - 1] =
        (struct nbd_block_descriptor){ htobe32 (length), htobe32 (current) };
  }
  return n;
}

int
block_status (struct connection *connection, struct reply_writer *writer,
              uint64_t cookie, uint64_t offset, uint32_t length, bool only_one)
{
  const struct contexts *contexts = &connection->contexts;
  const size_t most = only_one ? 1 : MAX_EXTENTS;
  CLEANUP_FREE struct map_extent *extents = calloc (most, sizeof *extents);
  CLEANUP_FREE struct nbd_block_descriptor *descriptors =
      calloc (most, sizeof *descriptors);
  struct map *map;
  ssize_t count;

  if (extents == NULL || descriptors == NULL)
    return reply_error (writer, cookie, NBD_ENOMEM, "out of memory");
  for (size_t i = 0; i < contexts->count; i++) {
    const struct context *context = &contexts->items[i];

    map = sources_map (connection->relay->sources, context->source,
                       connection->info.size);
    count = map ? map_query (map, offset, length, extents, most) : -1;
    if (count <= 0)
      return reply_error (writer, cookie, NBD_EIO,
                          "the server behind the relay cannot tell; see the "
                          "relay's log");
    count = translate (extents, count, context->flags, descriptors);
    if (reply_block_status (writer, cookie, context->id, descriptors, count,
                            i + 1 == contexts->count) == -1)
      return -1;
  }
  return 0;
}
