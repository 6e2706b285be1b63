/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread that reads one client's requests: reads go on to the server,
 * everything else is answered here. */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/block-status.h"
#include "plugin/relay/threads.h"
#include "plugin/relay/transmission.h"

/* A client that means to write so much at once is not to be humoured: its
 * bytes are not drained. */
#define MAX_DRAINED_PAYLOAD (UINT32_C (1) << 26)

/* In the machine's byte order. */
struct request {
  uint16_t flags;
  uint16_t type;
  struct reply_to to;
  uint64_t length;
  uint64_t payload; /* bytes that follow */
};

static int
read_compact (struct stream *stream, struct request *request)
{
  struct nbd_request wire;

  if (stream_read (stream, &wire, sizeof wire) == -1)
    return -1;
  *request = (struct request){ .flags = be16toh (wire.flags),
                               .type = be16toh (wire.type),
                               .to = { .cookie = be64toh (wire.cookie),
                                       .offset = be64toh (wire.offset) },
                               .length = be32toh (wire.length) };
  /* With WRITE alone. */
  if (request->type == NBD_CMD_WRITE)
    request->payload = request->length;
  return be32toh (wire.magic) == NBD_REQUEST_MAGIC ? 0 : (errno = EPROTO, -1);
}

static int
read_extended (struct stream *stream, struct request *request)
{
  struct nbd_extended_request wire;

  if (stream_read (stream, &wire, sizeof wire) == -1)
    return -1;
  *request = (struct request){ .flags = be16toh (wire.flags),
                               .type = be16toh (wire.type),
                               .to = { .cookie = be64toh (wire.cookie),
                                       .offset = be64toh (wire.offset) },
                               .length = be64toh (wire.length) };
  if (request->flags & NBD_CMD_FLAG_PAYLOAD_LEN)
    request->payload = request->length;
  return be32toh (wire.magic) == NBD_EXTENDED_REQUEST_MAGIC
             ? 0
             : (errno = EPROTO, -1);
}

/* The next request; its payload, which nothing here has a use for, is gone. */
static int
read_request (struct transmission *transmission, struct request *request)
{
  struct stream *stream = &transmission->connection->stream;

  if (transmission->writer.kind == REPLY_EXTENDED
          ? read_extended (stream, request) == -1
          : read_compact (stream, request) == -1)
    return -1;
  if (request->payload > MAX_DRAINED_PAYLOAD) {
    errno = EPROTO;
    return -1;
  }
  if (stream_skip (stream, request->payload) == -1) {
    errno = ECONNRESET; /* in the middle of it there is no going on */
    return -1;
  }
  return 0;
}

/* Why a request for this range of the export cannot be met; NULL if it can. */
static const char *
range_error (const struct export_info *info, const struct request *request)
{
  /* Never added up: the sum may wrap. */
  if (request->to.offset > info->size ||
      request->length > info->size - request->to.offset)
    return "beyond the end of the export";
  if ((request->to.offset | request->length) & (info->minimum - 1))
    return "not aligned to the minimum block size";
  return NULL;
}

static int
command_read (struct transmission *transmission, const struct request *request)
{
  const struct export_info *info = &transmission->connection->info;
  struct reply_writer *writer = &transmission->writer;
  const bool is_simple = writer->kind == REPLY_SIMPLE;
  const uint16_t allowed = is_simple ? 0 : NBD_CMD_FLAG_DF;
  const char *error = range_error (info, request);
  struct reply_to to = request->to;

  if (request->flags & ~allowed)
    error = "unknown flags";
  else if (is_simple && request->length > info->maximum)
    error = "longer than the maximum payload";
  if (error)
    return reply_error (writer, &request->to, NBD_EINVAL, error);
  if (request->length > info->maximum && request->flags & NBD_CMD_FLAG_DF)
    return reply_error (writer, &request->to, NBD_EOVERFLOW,
                        "longer than the maximum payload, and not to be "
                        "fragmented");
  if (request->length == 0)
    return reply_success (writer, &request->to);
  transmission->connection->reads++;
  transmission->connection->bytes_read += request->length;
  to.length = request->length;
  return read_range (transmission, &to, request->length, request->flags);
}

static int
command_cache (struct transmission *transmission, const struct request *request)
{
  const struct export_info *info = &transmission->connection->info;
  struct reply_writer *writer = &transmission->writer;
  const char *error = range_error (info, request);

  if (request->flags != 0)
    error = "unknown flags";
  else if ((info->flags & NBD_FLAG_SEND_CACHE) == 0)
    error = "command not supported";
  if (error)
    return reply_error (writer, &request->to, NBD_EINVAL, error);
  if (request->length == 0)
    return reply_success (writer, &request->to);
  return cache_range (transmission, &request->to, request->length);
}

static int
command_block_status (struct transmission *transmission,
                      const struct request *request)
{
  struct connection *connection = transmission->connection;
  struct reply_writer *writer = &transmission->writer;
  const char *error = range_error (&connection->info, request);

  if (request->flags & ~NBD_CMD_FLAG_REQ_ONE)
    error = "unknown flags";
  else if (connection->contexts.count == 0)
    error = "no metadata context was negotiated";
  else if (request->length == 0)
    error = "nothing is asked about";
  if (error)
    return reply_error (writer, &request->to, NBD_EINVAL, error);
  return block_status (transmission, &request->to, request->length,
                       request->flags & NBD_CMD_FLAG_REQ_ONE);
}

/* -1: the connection ends. */
static int
answer (struct transmission *transmission, const struct request *request)
{
  struct reply_writer *writer = &transmission->writer;

  switch (request->type) {
  case NBD_CMD_DISC:
    reply_confirm (writer);
    errno = 0;
    return -1;
  case NBD_CMD_WRITE:
  case NBD_CMD_TRIM:
  case NBD_CMD_WRITE_ZEROES:
    return reply_error (writer, &request->to, NBD_EPERM,
                        "the export is read-only");
  }
  if (atomic_load (&transmission->connection->relay->draining))
    return reply_error (writer, &request->to, NBD_ESHUTDOWN,
                        "the server is shutting down");
  switch (request->type) {
  case NBD_CMD_READ:
    return command_read (transmission, request);
  case NBD_CMD_CACHE:
    return command_cache (transmission, request);
  case NBD_CMD_BLOCK_STATUS:
    return command_block_status (transmission, request);
  default:
    return reply_error (writer, &request->to, NBD_EINVAL,
                        "command not supported");
  }
}

static void
serve_requests (struct transmission *transmission)
{
  struct request request;

  for (;;) {
    if (read_request (transmission, &request) == 0) {
      if (answer (transmission, &request) == -1)
        return;
    }
    /* A client that waits for an answer is not idle. */
    else if (errno == EAGAIN && slots_busy (transmission))
      continue;
    /* The relay drains and the client is quiet.  It gets what it waits for,
     * and ESHUTDOWN for what it asks meanwhile. */
    else if (errno != ESHUTDOWN || !slots_drain (transmission))
      return;
  }
}

static void
disconnect_upstream (struct transmission *transmission)
{
  const struct nbd_request wire = { .magic = htobe32 (NBD_REQUEST_MAGIC),
                                    .type = htobe16 (NBD_CMD_DISC) };
  struct stream *server = &transmission->connection->upstream.stream;

  stream_write (server, &wire, sizeof wire);
  stream_shutdown (server);
}

void
transmission (struct connection *connection)
{
  CLEANUP_FREE struct transmission *transmission =
      calloc (1, sizeof *transmission);
  pthread_t replies;

  if (transmission == NULL)
    return;
  transmission->connection = connection;
  pthread_mutex_init (&transmission->lock, NULL);
  pthread_cond_init (&transmission->changed, NULL);
  delivery_begin (&transmission->delivery, connection->relay->delivered,
                  connection->export, &connection->info, &connection->stream);
  reply_init (&transmission->writer, &connection->stream,
              &transmission->delivery, connection->replies);
  stream_set_time_limit (&connection->upstream.stream, 0);

  if (thread_start (&replies, replies_thread, transmission) == 0) {
    serve_requests (transmission);
    /* Whatever ended it: what is in flight is still answered, or discarded. */
    slots_drain (transmission);
    disconnect_upstream (transmission);
    pthread_join (replies, NULL);
  }
  reply_destroy (&transmission->writer);
  delivery_end (&transmission->delivery);
  pthread_cond_destroy (&transmission->changed);
  pthread_mutex_destroy (&transmission->lock);
}
