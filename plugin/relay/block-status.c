/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers BLOCK_STATUS from the maps of the connection's contexts, one chunk
 * each. */

#include "config.h"

#include <stdlib.h>
#include <string.h>

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
  const size_t fitting =
      connection->info.maximum / block_descriptor_size (kind);

  return fitting < MAX_EXTENTS ? fitting : MAX_EXTENTS;
}

static uint32_t
flags_of (const struct context *context, const struct map_extent *extent)
{
  return (*context->flags)[extent->flags & 3];
}

/* The descriptor of this kind of reply.  Lengths fit: they add up to no more
 * than the request's. */
static void
write_descriptor (char *place, enum reply_kind kind, uint64_t length,
                  uint32_t flags)
{
  const struct nbd_extended_block_descriptor extended = { htobe64 (length),
                                                          htobe64 (flags) };
  const struct nbd_block_descriptor compact = { htobe32 (length),
                                                htobe32 (flags) };

  if (kind == REPLY_EXTENDED)
    memcpy (place, &extended, sizeof extended);
  else
    memcpy (place, &compact, sizeof compact);
}

/* Turns extents into descriptors, which are no longer, where they are: with the
 * context's own flags, and what became equal joined.  Returns how many there
 * are, and in context->told how many bytes they tell about. */
static size_t
encode (struct map_extent *extents, size_t count, struct context *context,
        enum reply_kind kind)
{
  char *place = (char *) extents;
  uint64_t told = 0;
  size_t n = 0;

  for (size_t i = 0; i < count; n++) {
    const uint32_t flags = flags_of (context, &extents[i]);
    uint64_t length = 0;

    do
      length += extents[i++].length;
    while (i < count && flags_of (context, &extents[i]) == flags);
    write_descriptor (place, kind, length, flags);
    place += block_descriptor_size (kind);
    told += length;
  }
  context->told = told;
  return n;
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
  struct map *map;
  ssize_t count;

  if (extents == NULL)
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
    count = encode (extents, count, context, writer->kind);
    if (reply_block_status (writer, to, context->id, extents, count,
                            i + 1 == contexts->count) == -1)
      return -1;
  }
  note_told (transmission, to->offset);
  return 0;
}
