/* SPDX-License-Identifier: BSD-3-Clause */
/* One client from greeting to end. */

#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "plugin/map-export.h"
#include "plugin/relay/connection.h"
#include "plugin/relay/message.h"

/* What a client has pulled, for whoever reads the log. */
static void
log_reads (const struct connection *connection)
{
  if (connection->reads > 0)
    message ("a client has read %" PRIu64 " bytes in %" PRIu64
             " requests of export '%s'",
             connection->bytes_read, connection->reads, connection->export);
}

bool
connection_allows (const struct connection *connection, const char *export)
{
  return map_export_of (export) == NULL &&
         (connection->ticket == NULL ||
          ticket_allows (connection->ticket, export));
}

void
connection_serve (struct relay *relay, int fd)
{
  struct connection *connection = calloc (1, sizeof *connection);

  if (connection == NULL)
    return;
  connection->relay = relay;
  connection->upstream.stream.fd = -1;
  stream_init (&connection->stream, fd, relay->drain_fd);
  stream_set_time_limit (&connection->stream,
                         relay->configuration->negotiation);
  if (handshake (connection) == 0) {
    stream_set_time_limit (&connection->stream, 0);
    stream_set_idle_limit (&connection->stream, relay->configuration->idle);
    transmission (connection);
    log_reads (connection);
  }
  stream_end_tls (&connection->stream);
  if (connection->ticket)
    tickets_leave (relay->tickets, connection->ticket, fd);
  upstream_close (&connection->upstream);
  contexts_free (&connection->contexts);
  free (connection->context_export);
  free (connection->export);
  free (connection);
}
