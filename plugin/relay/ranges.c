/* SPDX-License-Identifier: BSD-3-Clause */
/* What the server is asked to read for a client's request: all of it at once,
 * or pieces, without those that are known to be zeroes. */

#include "config.h"

#include "plugin/relay/transmission.h"

/* A shorter hole costs more than its zeroes: a chunk, and one more request for
 * what follows. */
#define MIN_HOLE (32 * 1024)

/* Looked at in one go. */
#define MAX_EXTENTS 16

/* Read as data where extents are many and short. */
#define FRAGMENTED_LENGTH (UINT32_C (1) << 22)

/* In one request without a payload, or in one hole; a multiple of every minimum
 * block size. */
#define MAX_LENGTH (UINT32_C (1) << 31)

#define READS_AS_ZEROES 2 /* in base:allocation */

/* A piece of a request. */
struct run {
  uint64_t length;
  bool zero;
};

enum slot_result
send_upstream (struct transmission *transmission, const struct slot *slot)
{
  struct stream *server = &transmission->connection->upstream.stream;
  struct nbd_request wire = { .magic = htobe32 (NBD_REQUEST_MAGIC),
                              .type = htobe16 (slot->type),
                              .offset = htobe64 (slot->offset),
                              .length = htobe32 (slot->length) };
  uint64_t upstream_cookie;
  enum slot_result result = slots_take (transmission, slot, &upstream_cookie);

  if (result != SLOT_TAKEN)
    return result;
  wire.cookie = htobe64 (upstream_cookie);
  /* If it fails the other thread finds the end of the stream, and answers. */
  if (stream_write (server, &wire, sizeof wire) == -1)
    stream_shutdown (server);
  return SLOT_TAKEN;
}

/* The extents at the beginning of the range that are known by now. */
static size_t
known_extents (struct transmission *transmission, uint64_t offset,
               uint64_t length, struct map_extent *extents)
{
  const struct connection *connection = transmission->connection;

  if (!allocation_is_content (connection->export))
    return 0;
  if (transmission->map == NULL)
    transmission->map = sources_find (connection->relay->sources,
                                      connection->export, &connection->info);
  if (transmission->map == NULL)
    return 0;
  return map_known (transmission->map, offset, length, extents, MAX_EXTENTS);
}

/* What the range begins with: zeroes, or bytes up to the next zeroes. */
static struct run
next_run (struct transmission *transmission, uint64_t offset, uint64_t length)
{
  struct map_extent extents[MAX_EXTENTS];
  const size_t count = known_extents (transmission, offset, length, extents);
  uint64_t data = 0;

  for (size_t i = 0; i < count; data += extents[i++].length)
    if ((extents[i].flags & READS_AS_ZEROES) && extents[i].length >= MIN_HOLE)
      return data > 0 ? (struct run){ data, false }
                      : (struct run){ extents[i].length, true };
  /* Beyond many short extents there may be zeroes again. */
  if (count == MAX_EXTENTS && length > FRAGMENTED_LENGTH)
    length = FRAGMENTED_LENGTH;
  return (struct run){ length, false };
}

static int
send_whole (struct transmission *transmission, const struct slot *slot)
{
  switch (send_upstream (transmission, slot)) {
  case SLOT_UPSTREAM_GONE:
    return reply_error (&transmission->writer, &slot->to, NBD_EIO,
                        "the server behind the relay is gone; connect again");
  case SLOT_CLIENT_GONE:
    return -1;
  case SLOT_TAKEN:
    break;
  }
  return 0;
}

/* In pieces of at most 'largest' bytes.  '*piece' says where to begin. */
static enum slot_result
send_run (struct transmission *transmission, struct slot *piece, struct run run,
          uint32_t largest)
{
  enum slot_result result = SLOT_TAKEN;

  for (; run.length > 0 && result == SLOT_TAKEN; run.length -= piece->length) {
    piece->length = run.length < largest ? run.length : largest;
    if (!run.zero)
      result = send_upstream (transmission, piece);
    else if (reply_hole (&transmission->writer, &piece->to, piece->offset,
                         piece->length) == -1)
      result = SLOT_CLIENT_GONE;
    piece->offset += piece->length;
  }
  return result;
}

/* 'piece' has the offset and the kind of request, 'run' is the first one. */
static int
send_pieces (struct transmission *transmission, struct slot *piece,
             uint64_t length, struct run run, uint32_t largest)
{
  enum slot_result result = SLOT_TAKEN;

  piece->split = split_new (&piece->to);
  if (piece->split == NULL)
    return reply_error (&transmission->writer, &piece->to, NBD_ENOMEM,
                        "out of memory");
  for (;;) {
    result =
        send_run (transmission, piece, run, run.zero ? MAX_LENGTH : largest);
    length -= run.length;
    if (length == 0 || result != SLOT_TAKEN)
      break;
    run = next_run (transmission, piece->offset, length);
  }
  if (split_leave (transmission, piece->split,
                   result == SLOT_TAKEN ? NBD_SUCCESS : NBD_EIO) == -1)
    return -1;
  return result == SLOT_CLIENT_GONE ? -1 : 0;
}

int
read_range (struct transmission *transmission, const struct reply_to *to,
            uint64_t length, uint16_t flags)
{
  const struct export_info *info = &transmission->connection->info;
  const uint32_t largest = info->maximum & -info->minimum;
  struct slot read = {
    .to = *to, .type = NBD_CMD_READ, .offset = to->offset, .length = length
  };
  struct run first = { length, false };

  if (transmission->writer.kind != REPLY_SIMPLE &&
      (flags & NBD_CMD_FLAG_DF) == 0)
    first = next_run (transmission, to->offset, length);
  if (!first.zero && first.length == length && length <= info->maximum)
    return send_whole (transmission, &read);
  return send_pieces (transmission, &read, length, first, largest);
}

int
cache_range (struct transmission *transmission, const struct reply_to *to,
             uint64_t length)
{
  struct slot cache = {
    .to = *to, .type = NBD_CMD_CACHE, .offset = to->offset, .length = length
  };

  if (length <= MAX_LENGTH)
    return send_whole (transmission, &cache);
  return send_pieces (transmission, &cache, length,
                      (struct run){ length, false }, MAX_LENGTH);
}
