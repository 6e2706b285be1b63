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

/* No chunk's content may be longer than the maximum payload that was
 * advertised. */
static size_t
most_extents (const struct connection *connection, enum reply_kind kind)
{
  const size_t size = kind == REPLY_EXTENDED
                          ? sizeof (struct nbd_extended_block_descriptor)
                          : sizeof (struct nbd_block_descriptor);
  const size_t fitting = connection->info.maximum / size;

  return fitting < MAX_EXTENTS ? fitting : MAX_EXTENTS;
}

/* Into the context's own flags; what became equal is joined.  Returns how many
 * are left. */
static size_t
translate (struct map_extent *extents, size_t count, const flag_table *flags)
{
  size_t n = 0;

  for (size_t i = 0; i < count; i++) {
    const struct map_extent next = { extents[i].length,
                                     (*flags)[extents[i].flags & 3] };

    if (n > 0 && extents[n - 1].flags == next.flags)
      extents[n - 1].length += next.length;
    else
      extents[n++] = next;
  }
  return n;
}

/* Into the descriptors of this kind of reply.  Lengths fit: they add up to no
 * more than the request's. */
static void
encode (const struct map_extent *extents, size_t count, enum reply_kind kind,
        void *descriptors)
{
  struct nbd_extended_block_descriptor *extended = descriptors;
  struct nbd_block_descriptor *compact = descriptors;

  for (size_t i = 0; i < count; i++)
    if (kind == REPLY_EXTENDED)
      extended[i] =
          (struct nbd_extended_block_descriptor){ htobe64 (extents[i].length),
                                                  htobe64 (extents[i].flags) };
    else
      compact[i] = (struct nbd_block_descriptor){ htobe32 (extents[i].length),
                                                  htobe32 (extents[i].flags) };
}

static uint64_t
length_of (const struct map_extent *extents, size_t count)
{
  uint64_t length = 0;

  for (size_t i = 0; i < count; i++)
    length += extents[i].length;
  return length;
}

/* The reply is written. */
static void
note_told (struct transmission *transmission, uint64_t offset)
{
  const struct connection *connection = transmission->connection;

  for (size_t i = 0; i < connection->contexts.count; i++) {
    const struct context *context = &connection->contexts.items[i];

    if (context_tells_zeroes (context))
      delivery_told (&transmission->delivery, context->source,
                     &connection->info, offset, context->told);
  }
}

int
block_status (struct transmission *transmission, const struct reply_to *to,
              uint64_t length, bool only_one)
{
  struct connection *connection = transmission->connection;
  struct reply_writer *writer = &transmission->writer;
  const struct contexts *contexts = &connection->contexts;
  const size_t most = only_one ? 1 : most_extents (connection, writer->kind);
  /* Not zeroed: that would cost more than the answer. */
  CLEANUP_FREE struct map_extent *extents = malloc (most * sizeof *extents);
  CLEANUP_FREE void *descriptors =
      malloc (most * sizeof (struct nbd_extended_block_descriptor));
  struct map *map;
  ssize_t count;

  if (extents == NULL || descriptors == NULL)
    return reply_error (writer, to, NBD_ENOMEM, "out of memory");
  for (size_t i = 0; i < contexts->count; i++) {
    struct context *context = &contexts->items[i];

    map = sources_map (connection->relay->sources, context->source,
                       &connection->info);
    count = map ? map_query (map, to->offset, length, extents, most) : -1;
    if (count <= 0)
      return reply_error (writer, to, NBD_EIO,
                          "the server behind the relay cannot tell; see the "
                          "relay's log");
    context->told = length_of (extents, count);
    count = translate (extents, count, context->flags);
    encode (extents, count, writer->kind, descriptors);
    if (reply_block_status (writer, to, context->id, descriptors, count,
                            i + 1 == contexts->count) == -1)
      return -1;
  }
  note_told (transmission, to->offset);
  return 0;
}
