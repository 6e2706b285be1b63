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
  uint64_t cookie;
  uint64_t offset;
  uint32_t length;
};

static int
read_request (struct transmission *transmission, struct request *request)
{
  struct nbd_request wire;

  if (stream_read (&transmission->connection->stream, &wire, sizeof wire) == -1)
    return -1;
  if (be32toh (wire.magic) != NBD_REQUEST_MAGIC) {
    errno = EPROTO;
    return -1;
  }
  *request = (struct request){ be16toh (wire.flags), be16toh (wire.type),
                               be64toh (wire.cookie), be64toh (wire.offset),
                               be32toh (wire.length) };
  return 0;
}

/* Why a request for this range of the export cannot be met; NULL if it can. */
static const char *
range_error (const struct export_info *info, const struct request *request)
{
  /* Never added up: the sum may wrap. */
  if (request->offset > info->size ||
      request->length > info->size - request->offset)
    return "beyond the end of the export";
  if ((request->offset | request->length) & (info->minimum - 1))
    return "not aligned to the minimum block size";
  return NULL;
}

static int
send_read (struct transmission *transmission, const struct request *request)
{
  const struct slot read = { .cookie = request->cookie,
                             .offset = request->offset,
                             .length = request->length };
  struct stream *server = &transmission->connection->upstream.stream;
  struct nbd_request wire = { .magic = htobe32 (NBD_REQUEST_MAGIC),
                              .type = htobe16 (NBD_CMD_READ),
                              .offset = htobe64 (request->offset),
                              .length = htobe32 (request->length) };
  uint64_t upstream_cookie;

  switch (slots_take (transmission, &read, &upstream_cookie)) {
  case SLOT_CLIENT_GONE:
    return -1;
  case SLOT_UPSTREAM_GONE:
    return reply_error (&transmission->writer, request->cookie, NBD_EIO,
                        "the server behind the relay is gone; connect again");
  case SLOT_TAKEN:
    break;
  }
  wire.cookie = htobe64 (upstream_cookie);
  /* If it fails the other thread finds the end of the stream, and answers. */
  if (stream_write (server, &wire, sizeof wire) == -1)
    stream_shutdown (server);
  return 0;
}

static int
command_read (struct transmission *transmission, const struct request *request)
{
  const struct export_info *info = &transmission->connection->info;
  struct reply_writer *writer = &transmission->writer;
  const uint16_t allowed = writer->structured ? NBD_CMD_FLAG_DF : 0;
  const char *error = range_error (info, request);

  if (request->flags & ~allowed)
    error = "unknown flags";
  if (error)
    return reply_error (writer, request->cookie, NBD_EINVAL, error);
  if (request->length > info->maximum)
    return reply_error (writer, request->cookie,
                        writer->structured ? NBD_EOVERFLOW : NBD_EINVAL,
                        "longer than the maximum payload");
  if (request->length == 0)
    return reply_success (writer, request->cookie);
  return send_read (transmission, request);
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
    return reply_error (writer, request->cookie, NBD_EINVAL, error);
  return block_status (connection, writer, request->cookie, request->offset,
                       request->length, request->flags & NBD_CMD_FLAG_REQ_ONE);
}

/* A payload comes with WRITE alone. */
static int
refuse_write (struct transmission *transmission, const struct request *request)
{
  if (request->type == NBD_CMD_WRITE &&
      (request->length > MAX_DRAINED_PAYLOAD ||
       stream_skip (&transmission->connection->stream, request->length) == -1))
    return -1;
  return reply_error (&transmission->writer, request->cookie, NBD_EPERM,
                      "the export is read-only");
}

/* -1: the connection ends. */
static int
answer (struct transmission *transmission, const struct request *request)
{
  const bool draining =
      atomic_load (&transmission->connection->relay->draining);

  switch (request->type) {
  case NBD_CMD_DISC:
    errno = 0;
    return -1;
  case NBD_CMD_WRITE:
  case NBD_CMD_TRIM:
  case NBD_CMD_WRITE_ZEROES:
    return refuse_write (transmission, request);
  }
  if (draining)
    return reply_error (&transmission->writer, request->cookie, NBD_ESHUTDOWN,
                        "the server is shutting down");
  switch (request->type) {
  case NBD_CMD_READ:
    return command_read (transmission, request);
  case NBD_CMD_BLOCK_STATUS:
    return command_block_status (transmission, request);
  default:
    return reply_error (&transmission->writer, request->cookie, NBD_EINVAL,
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
  reply_init (&transmission->writer, &connection->stream,
              connection->structured);
  stream_set_time_limit (&connection->upstream.stream, 0);

  if (thread_start (&replies, replies_thread, transmission) == 0) {
    serve_requests (transmission);
    /* Whatever ended it: what is in flight is still answered, or discarded. */
    slots_drain (transmission);
    disconnect_upstream (transmission);
    pthread_join (replies, NULL);
  }
  reply_destroy (&transmission->writer);
  pthread_cond_destroy (&transmission->changed);
  pthread_mutex_destroy (&transmission->lock);
}
