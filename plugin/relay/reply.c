/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies to the client, simple and structured.  With structured replies all
 * answers are structured: READ must be, and errors gain a text. */

#include "config.h"

#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/reply.h"

void
reply_init (struct reply_writer *writer, struct stream *stream, bool structured)
{
  memset (writer, 0, sizeof *writer);
  writer->stream = stream;
  writer->structured = structured;
  pthread_mutex_init (&writer->lock, NULL);
}

void
reply_destroy (struct reply_writer *writer)
{
  pthread_mutex_destroy (&writer->lock);
}

static struct nbd_chunk
chunk (uint64_t cookie, uint16_t type, uint32_t length, bool last)
{
  return (struct nbd_chunk){ htobe32 (NBD_STRUCTURED_REPLY_MAGIC),
                             htobe16 (last ? NBD_REPLY_FLAG_DONE : 0),
                             htobe16 (type), htobe64 (cookie),
                             htobe32 (length) };
}

static struct nbd_simple_reply
simple (uint64_t cookie, uint32_t error)
{
  return (struct nbd_simple_reply){ htobe32 (NBD_SIMPLE_REPLY_MAGIC),
                                    htobe32 (error), htobe64 (cookie) };
}

static struct iovec
part (const void *data, size_t length)
{
  return (struct iovec){ .iov_base = (void *) data, .iov_len = length };
}

/* With what was held back before it.  The lock is held. */
static int
write_parts (struct reply_writer *writer, const struct iovec *parts, int count)
{
  struct iovec all[4];
  int n = 0;

  if (writer->holds)
    all[n++] = part (&writer->held, sizeof writer->held);
  writer->holds = false;
  for (int i = 0; i < count; i++)
    all[n++] = parts[i];
  return stream_writev (writer->stream, all, n);
}

static int
write_error_chunk (struct reply_writer *writer, uint64_t cookie,
                   enum nbd_error error, const char *text)
{
  const size_t length = strlen (text);
  const struct nbd_chunk_error detail = { htobe32 (error), htobe16 (length) };
  const struct nbd_chunk header =
      chunk (cookie, NBD_REPLY_TYPE_ERROR, sizeof detail + length, true);
  const struct iovec parts[] = { part (&header, sizeof header),
                                 part (&detail, sizeof detail),
                                 part (text, length) };

  return write_parts (writer, parts, 3);
}

int
reply_error (struct reply_writer *writer, uint64_t cookie, enum nbd_error error,
             const char *text)
{
  const struct nbd_simple_reply header = simple (cookie, error);
  const struct iovec whole = part (&header, sizeof header);

  LOCK_IN_SCOPE (&writer->lock);
  if (writer->structured)
    return write_error_chunk (writer, cookie, error, text);
  return write_parts (writer, &whole, 1);
}

int
reply_success (struct reply_writer *writer, uint64_t cookie)
{
  const struct nbd_chunk none = chunk (cookie, NBD_REPLY_TYPE_NONE, 0, true);
  const struct nbd_simple_reply header = simple (cookie, NBD_SUCCESS);
  const struct iovec whole = writer->structured ? part (&none, sizeof none)
                                                : part (&header, sizeof header);

  LOCK_IN_SCOPE (&writer->lock);
  return write_parts (writer, &whole, 1);
}

int
reply_block_status (struct reply_writer *writer, uint64_t cookie,
                    uint32_t context,
                    const struct nbd_block_descriptor *extents, size_t count,
                    bool last)
{
  const uint32_t id = htobe32 (context);
  const size_t length = count * sizeof *extents;
  const struct nbd_chunk header =
      chunk (cookie, NBD_REPLY_TYPE_BLOCK_STATUS, sizeof id + length, last);
  const struct iovec parts[] = { part (&header, sizeof header),
                                 part (&id, sizeof id),
                                 part (extents, length) };

  LOCK_IN_SCOPE (&writer->lock);
  return write_parts (writer, parts, 3);
}

int
reply_data (struct reply_writer *writer, uint64_t cookie, uint64_t offset,
            const void *data, uint32_t length)
{
  const struct nbd_simple_reply header = simple (cookie, NBD_SUCCESS);
  const uint64_t wire_offset = htobe64 (offset);
  /* Nothing can fail any more, so that this chunk may be the last. */
  const struct nbd_chunk only = chunk (cookie, NBD_REPLY_TYPE_OFFSET_DATA,
                                       sizeof wire_offset + length, true);
  const struct iovec structured_parts[] = {
    part (&only, sizeof only), part (&wire_offset, sizeof wire_offset),
    part (data, length)
  };
  const struct iovec simple_parts[] = { part (&header, sizeof header),
                                        part (data, length) };

  LOCK_IN_SCOPE (&writer->lock);
  if (writer->structured)
    return write_parts (writer, structured_parts, 3);
  return write_parts (writer, simple_parts, 2);
}

int
reply_data_begin (struct reply_writer *writer, uint64_t cookie, uint64_t offset,
                  uint32_t length)
{
  const struct nbd_simple_reply header = simple (cookie, NBD_SUCCESS);
  const uint64_t wire_offset = htobe64 (offset);
  /* Without DONE: the payload may still fail. */
  const struct nbd_chunk content = chunk (cookie, NBD_REPLY_TYPE_OFFSET_DATA,
                                          sizeof wire_offset + length, false);
  const struct iovec structured_parts[] = {
    part (&content, sizeof content), part (&wire_offset, sizeof wire_offset)
  };
  const struct iovec simple_part = part (&header, sizeof header);

  pthread_mutex_lock (&writer->lock);
  if (writer->structured)
    return write_parts (writer, structured_parts, 2);
  return write_parts (writer, &simple_part, 1);
}

int
reply_data_end (struct reply_writer *writer, uint64_t cookie,
                enum nbd_error error)
{
  int r = 0;

  if (error != NBD_SUCCESS)
    r = writer->structured
            ? write_error_chunk (writer, cookie, error,
                                 "the server behind the relay was lost in the "
                                 "middle of the data")
            : -1;
  else if (writer->structured) {
    writer->held = chunk (cookie, NBD_REPLY_TYPE_NONE, 0, true);
    writer->holds = true;
  }
  pthread_mutex_unlock (&writer->lock);
  return r;
}

int
reply_flush (struct reply_writer *writer)
{
  LOCK_IN_SCOPE (&writer->lock);
  return write_parts (writer, NULL, 0);
}
