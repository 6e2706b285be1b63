/* SPDX-License-Identifier: BSD-3-Clause */
/* One client: what its negotiation has come to, handed on to its
 * transmission. */

#ifndef PULLBACK_CONNECTION_H
#define PULLBACK_CONNECTION_H

#include <stdbool.h>

#include "plugin/relay/contexts.h"
#include "plugin/relay/relay.h"
#include "plugin/relay/reply.h"
#include "plugin/relay/stream.h"
#include "plugin/relay/upstream.h"

struct connection {
  struct relay *relay;
  struct stream stream;
  struct ticket *ticket; /* that let it in; NULL: none was needed */

  /* What the client has negotiated so far. */
  bool no_zeroes;
  enum reply_kind replies;
  char *context_export; /* of the last SET_META_CONTEXT; NULL: none selected */
  struct contexts contexts;

  /* The export it opened, on a connection of its own to the server. */
  char *export; /* its name */
  struct upstream upstream;
  struct export_info info;

  uint64_t reads, bytes_read; /* that were asked for and could be met */
};

/* Whether this client may know of the export. */
bool connection_allows (const struct connection *connection,
                        const char *export);

/* Serves a client from greeting to end; closes nothing of the caller's. */
void connection_serve (struct relay *relay, int fd);

/* Up to the client's choice of an export.  -1: the connection is to be closed
 * without a further word. */
int handshake (struct connection *connection);

/* Requests and replies until either side ends it. */
void transmission (struct connection *connection);

#endif /* PULLBACK_CONNECTION_H */
