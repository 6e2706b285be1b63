/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies to the client: simple, structured, or with extended headers.  Where
 * anything but simple replies was negotiated all answers are chunks: READ must
 * be, and errors gain a text. */

#include "config.h"

#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/reply.h"

void
reply_init (struct reply_writer *writer, struct stream *stream,
            struct delivery *delivery, enum reply_kind kind)
{
  memset (writer, 0, sizeof *writer);
  writer->stream = stream;
  writer->delivery = delivery;
  writer->kind = kind;
  pthread_mutex_init (&writer->lock, NULL);
}

void
reply_destroy (struct reply_writer *writer)
{
  pthread_mutex_destroy (&writer->lock);
}

static struct reply_header
simple (const struct reply_to *to, uint32_t error)
{
  const struct nbd_simple_reply wire = { htobe32 (NBD_SIMPLE_REPLY_MAGIC),
                                         htobe32 (error),
                                         htobe64 (to->cookie) };

  return (struct reply_header){ sizeof wire, { .simple = wire } };
}

/* A chunk with a payload of 'length' bytes. */
static struct reply_header
chunk (const struct reply_writer *writer, const struct reply_to *to,
       uint16_t type, uint32_t length, bool last)
{
  const uint16_t flags = htobe16 (last ? NBD_REPLY_FLAG_DONE : 0);
  const struct nbd_chunk structured = { htobe32 (NBD_STRUCTURED_REPLY_MAGIC),
                                        flags, htobe16 (type),
                                        htobe64 (to->cookie),
                                        htobe32 (length) };
  const struct nbd_extended_chunk extended = { htobe32 (
                                                   NBD_EXTENDED_REPLY_MAGIC),
                                               flags,
                                               htobe16 (type),
                                               htobe64 (to->cookie),
                                               htobe64 (to->offset),
                                               htobe64 (length) };

  if (writer->kind == REPLY_EXTENDED)
    return (struct reply_header){ sizeof extended, { .extended = extended } };
  return (struct reply_header){ sizeof structured,
                                { .structured = structured } };
}

static struct iovec
part (const void *data, size_t length)
{
  return (struct iovec){ .iov_base = (void *) data, .iov_len = length };
}

static struct iovec
header_part (const struct reply_header *header)
{
  return part (&header->wire, header->size);
}

/* A request has succeeded and all of its reply is written.  The lock is held.
 */
static void
note_end (struct reply_writer *writer, const struct reply_to *to)
{
  if (to->length > 0)
    delivery_read (writer->delivery, to->offset, to->length);
}

/* With what was held back before it.  The lock is held. */
static int
write_parts (struct reply_writer *writer, const struct iovec *parts, int count)
{
  const struct reply_header held = writer->held;
  struct iovec all[4] = { header_part (&held) };

  writer->held.size = 0;
  for (int i = 0; i < count; i++)
    all[i + 1] = parts[i];
  if (stream_writev (writer->stream, all, count + 1) == 0) {
    if (held.size > 0)
      note_end (writer, &writer->held_to);
    return 0;
  }
  /* Perhaps in the middle of a reply: the other thread must not go on there. */
  stream_shutdown (writer->stream);
  return -1;
}

/* The same of the end of a request that has succeeded. */
static int
write_end (struct reply_writer *writer, const struct reply_to *to,
           const struct iovec *parts, int count)
{
  if (write_parts (writer, parts, count) == -1)
    return -1;
  note_end (writer, to);
  return 0;
}

static int
write_error_chunk (struct reply_writer *writer, const struct reply_to *to,
                   enum nbd_error error, const char *text)
{
  const size_t length = strlen (text);
  const struct nbd_chunk_error detail = { htobe32 (error), htobe16 (length) };
  const struct reply_header header =
      chunk (writer, to, NBD_REPLY_TYPE_ERROR, sizeof detail + length, true);
  const struct iovec parts[] = { header_part (&header),
                                 part (&detail, sizeof detail),
                                 part (text, length) };

  return write_parts (writer, parts, 3);
}

int
reply_error (struct reply_writer *writer, const struct reply_to *to,
             enum nbd_error error, const char *text)
{
  const struct reply_header header = simple (to, error);
  const struct iovec whole = header_part (&header);

  LOCK_IN_SCOPE (&writer->lock);
  if (writer->kind != REPLY_SIMPLE)
    return write_error_chunk (writer, to, error, text);
  return write_parts (writer, &whole, 1);
}

int
reply_success (struct reply_writer *writer, const struct reply_to *to)
{
  const struct reply_header header =
      writer->kind == REPLY_SIMPLE
          ? simple (to, NBD_SUCCESS)
          : chunk (writer, to, NBD_REPLY_TYPE_NONE, 0, true);
  const struct iovec whole = header_part (&header);

  LOCK_IN_SCOPE (&writer->lock);
  return write_end (writer, to, &whole, 1);
}

int
reply_block_status (struct reply_writer *writer, const struct reply_to *to,
                    uint32_t context, const void *descriptors, size_t count,
                    bool last)
{
  const bool is_extended = writer->kind == REPLY_EXTENDED;
  const struct nbd_extended_block_status start = { htobe32 (context),
                                                   htobe32 (count) };
  /* Without extended headers nothing counts them. */
  const size_t start_length = is_extended ? sizeof start : sizeof start.context;
  const size_t length = count * block_descriptor_size (writer->kind);
  const struct reply_header header =
      chunk (writer, to,
             is_extended ? NBD_REPLY_TYPE_BLOCK_STATUS_EXT
                         : NBD_REPLY_TYPE_BLOCK_STATUS,
             start_length + length, last);
  const struct iovec parts[] = { header_part (&header),
                                 part (&start, start_length),
                                 part (descriptors, length) };

  LOCK_IN_SCOPE (&writer->lock);
  return write_parts (writer, parts, 3);
}

/* The header of a content and, in a chunk, its offset; 'data' may be empty. */
static int
write_content (struct reply_writer *writer, const struct reply_to *to,
               uint64_t offset, uint32_t length, struct iovec data, bool last)
{
  const bool is_chunk = writer->kind != REPLY_SIMPLE;
  const uint64_t wire_offset = htobe64 (offset);
  const struct reply_header header =
      is_chunk ? chunk (writer, to, NBD_REPLY_TYPE_OFFSET_DATA,
                        sizeof wire_offset + length, last)
               : simple (to, NBD_SUCCESS);
  const struct iovec parts[] = {
    header_part (&header), part (&wire_offset, is_chunk ? sizeof offset : 0),
    data
  };

  return write_parts (writer, parts, 3);
}

int
reply_data (struct reply_writer *writer, const struct reply_to *to,
            uint64_t offset, const void *data, uint32_t length, bool last)
{
  LOCK_IN_SCOPE (&writer->lock);
  /* Nothing can fail any more, so that this chunk may be the last. */
  if (write_content (writer, to, offset, length, part (data, length), last) ==
      -1)
    return -1;
  if (last)
    note_end (writer, to);
  return 0;
}

int
reply_hole (struct reply_writer *writer, const struct reply_to *to,
            uint64_t offset, uint32_t length)
{
  const struct nbd_chunk_hole hole = { htobe64 (offset), htobe32 (length) };
  const struct reply_header header =
      chunk (writer, to, NBD_REPLY_TYPE_OFFSET_HOLE, sizeof hole, false);
  const struct iovec parts[] = { header_part (&header),
                                 part (&hole, sizeof hole) };

  LOCK_IN_SCOPE (&writer->lock);
  return write_parts (writer, parts, 2);
}

int
reply_data_begin (struct reply_writer *writer, const struct reply_to *to,
                  uint64_t offset, uint32_t length)
{
  pthread_mutex_lock (&writer->lock);
  /* Without DONE: the payload may still fail. */
  return write_content (writer, to, offset, length, part (NULL, 0), false);
}

int
reply_data_end (struct reply_writer *writer, const struct reply_to *to,
                enum nbd_error error, bool last)
{
  int r = 0;

  if (error != NBD_SUCCESS && writer->kind == REPLY_SIMPLE) {
    /* Before the lock is let go: a reply of the other thread would be taken for
     * the rest of the data. */
    stream_shutdown (writer->stream);
    r = -1;
  }
  else if (last && error != NBD_SUCCESS)
    r = write_error_chunk (writer, to, error,
                           "the server behind the relay was lost in the "
                           "middle of the data");
  else if (last && writer->kind != REPLY_SIMPLE) {
    writer->held = chunk (writer, to, NBD_REPLY_TYPE_NONE, 0, true);
    writer->held_to = *to;
  }
  else if (last)
    note_end (writer, to);
  pthread_mutex_unlock (&writer->lock);
  return r;
}

void
reply_confirm (struct reply_writer *writer)
{
  /* Not between the end of a reply and its being noted. */
  LOCK_IN_SCOPE (&writer->lock);
  delivery_confirm (writer->delivery);
}

int
reply_flush (struct reply_writer *writer)
{
  LOCK_IN_SCOPE (&writer->lock);
  return write_parts (writer, NULL, 0);
}
