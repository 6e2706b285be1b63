/* SPDX-License-Identifier: BSD-3-Clause */
/* The handshake: greeting, then options one after another, each read as a whole
 * before it is looked at. */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/connection.h"
#include "plugin/relay/options.h"
#include "plugin/relay/protocol.h"

/* Longer payloads are drained and refused: room for an export's name and a
 * dozen of queries of the greatest length. */
#define MAX_OPTION_LENGTH 65536

bool
option_read_u16 (struct option *option, uint16_t *value)
{
  if (option->left < sizeof *value)
    return false;
  memcpy (value, option->data, sizeof *value);
  *value = be16toh (*value);
  option->data += sizeof *value;
  option->left -= sizeof *value;
  return true;
}

bool
option_read_u32 (struct option *option, uint32_t *value)
{
  if (option->left < sizeof *value)
    return false;
  memcpy (value, option->data, sizeof *value);
  *value = be32toh (*value);
  option->data += sizeof *value;
  option->left -= sizeof *value;
  return true;
}

bool
option_read_bytes (struct option *option, size_t length, char **value)
{
  if (length > option->left || !name_valid (option->data, length))
    return false;
  *value = strndup ((const char *) option->data, length);
  option->data += length;
  option->left -= length;
  return *value != NULL;
}

bool
option_read_string (struct option *option, char **value)
{
  uint32_t length;

  return option_read_u32 (option, &length) &&
         option_read_bytes (option, length, value);
}

enum next_step
option_reply (struct connection *connection, const struct option *option,
              uint32_t type, const void *data, size_t length)
{
  struct nbd_option_reply header = { htobe64 (NBD_OPTION_REPLY_MAGIC),
                                     htobe32 (option->number), htobe32 (type),
                                     htobe32 (length) };
  struct iovec parts[2] = {
    { .iov_base = &header, .iov_len = sizeof header },
    { .iov_base = (void *) data, .iov_len = length },
  };

  if (stream_writev (&connection->stream, parts, 2) == -1)
    return NEXT_CLOSE;
  return NEXT_OPTION;
}

enum next_step
option_refuse (struct connection *connection, const struct option *option,
               uint32_t error, const char *text)
{
  return option_reply (connection, option, error, text, strlen (text));
}

static int
greet (struct connection *connection)
{
  const uint16_t flags = NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES;
  const struct nbd_greeting greeting = { htobe64 (NBD_MAGIC),
                                         htobe64 (NBD_OPTION_MAGIC),
                                         htobe16 (flags) };
  uint32_t client_flags;

  if (stream_write (&connection->stream, &greeting, sizeof greeting) == -1 ||
      stream_read (&connection->stream, &client_flags, sizeof client_flags) ==
          -1)
    return -1;
  client_flags = be32toh (client_flags);
  /* A client that does not say FIXED_NEWSTYLE may send EXPORT_NAME at least;
   * whatever else it sends is answered all the same. */
  if (client_flags & ~(uint32_t) flags)
    return -1;
  connection->no_zeroes = client_flags & NBD_FLAG_NO_ZEROES;
  return 0;
}

/* STRUCTURED_REPLY and EXTENDED_HEADERS; there is no way back from the
 * latter. */
static enum next_step
choose_replies (struct connection *connection, struct option *option,
                enum reply_kind replies)
{
  if (option->left > 0)
    return option_refuse (connection, option, NBD_REP_ERR_INVALID,
                          "this option has no payload");
  if (replies < connection->replies)
    return option_refuse (connection, option, NBD_REP_ERR_EXT_HEADER_REQD,
                          "extended headers were negotiated before");
  connection->replies = replies;
  return option_reply (connection, option, NBD_REP_ACK, NULL, 0);
}

/* What was negotiated in the clear may have been another's doing: nothing of it
 * counts. */
static void
forget (struct connection *connection)
{
  connection->replies = REPLY_SIMPLE;
  contexts_free (&connection->contexts);
  free (STEAL (connection->context_export));
}

/* Who came by a ticket's key may do what the ticket says.  -1: it has ended
 * meanwhile. */
static int
take_ticket (struct connection *connection)
{
  struct tickets *tickets = connection->relay->tickets;
  gnutls_datum_t identity;

  if (tickets == NULL || !tls_key_identity (&connection->stream, &identity))
    return 0;
  connection->ticket =
      tickets_enter (tickets, &identity, connection->stream.fd);
  return connection->ticket ? 0 : -1;
}

static enum next_step
start_tls (struct connection *connection, struct option *option)
{
  struct tls *tls = connection->relay->tls;

  if (option->left > 0)
    return option_refuse (connection, option, NBD_REP_ERR_INVALID,
                          "this option has no payload");
  if (tls == NULL)
    return option_refuse (connection, option, NBD_REP_ERR_UNSUP,
                          "this server has no TLS");
  if (connection->stream.tls)
    return option_refuse (connection, option, NBD_REP_ERR_INVALID,
                          "TLS is on already");
  if (option_reply (connection, option, NBD_REP_ACK, NULL, 0) == NEXT_CLOSE ||
      tls_accept (tls, &connection->stream) == -1 ||
      take_ticket (connection) == -1)
    return NEXT_CLOSE;
  forget (connection);
  return NEXT_OPTION;
}

/* Before TLS, where that is required. */
static bool
needs_tls (const struct connection *connection, const struct option *option)
{
  return connection->relay->configuration->tls.mode == TLS_REQUIRE &&
         connection->stream.tls == NULL && option->number != NBD_OPT_STARTTLS &&
         option->number != NBD_OPT_ABORT;
}

static enum next_step
refuse_without_tls (struct connection *connection, const struct option *option)
{
  if (option->number == NBD_OPT_EXPORT_NAME)
    return NEXT_CLOSE;
  return option_refuse (connection, option, NBD_REP_ERR_TLS_REQD,
                        "STARTTLS comes first");
}

static enum next_step
answer (struct connection *connection, struct option *option)
{
  if (option->number == NBD_OPT_ABORT) {
    option_reply (connection, option, NBD_REP_ACK, NULL, 0);
    return NEXT_CLOSE;
  }
  if (needs_tls (connection, option))
    return refuse_without_tls (connection, option);
  if (atomic_load (&connection->relay->draining)) {
    if (option->number != NBD_OPT_EXPORT_NAME)
      option_refuse (connection, option, NBD_REP_ERR_SHUTDOWN,
                     "the server is shutting down");
    return NEXT_CLOSE;
  }
  switch (option->number) {
  case NBD_OPT_EXPORT_NAME:
    return option_export_name (connection, option);
  case NBD_OPT_LIST:
    return option_list (connection, option);
  case NBD_OPT_INFO:
  case NBD_OPT_GO:
    return option_info_or_go (connection, option);
  case NBD_OPT_STRUCTURED_REPLY:
    return choose_replies (connection, option, REPLY_STRUCTURED);
  case NBD_OPT_EXTENDED_HEADERS:
    return choose_replies (connection, option, REPLY_EXTENDED);
  case NBD_OPT_LIST_META_CONTEXT:
  case NBD_OPT_SET_META_CONTEXT:
    return option_meta_context (connection, option);
  case NBD_OPT_STARTTLS:
    return start_tls (connection, option);
  default:
    return option_refuse (connection, option, NBD_REP_ERR_UNSUP,
                          "option not supported");
  }
}

/* A payload longer than any valid one: gone, and the next option parses. */
static enum next_step
drain_too_long (struct connection *connection, struct option *option,
                uint32_t length)
{
  if (stream_skip (&connection->stream, length) == -1)
    return NEXT_CLOSE;
  if (needs_tls (connection, option))
    return refuse_without_tls (connection, option);
  switch (option->number) {
  case NBD_OPT_EXPORT_NAME:
    return NEXT_CLOSE;
  case NBD_OPT_SET_META_CONTEXT:
    contexts_free (&connection->contexts);
    return option_refuse (connection, option, NBD_REP_ERR_TOO_BIG,
                          "too many queries");
  case NBD_OPT_LIST_META_CONTEXT:
    return option_refuse (connection, option, NBD_REP_ERR_TOO_BIG,
                          "too many queries");
  case NBD_OPT_ABORT:
    return answer (connection, option);
  default:
    /* Not empty, which is all that the others ask about. */
    option->left = length;
    return option->number == NBD_OPT_INFO || option->number == NBD_OPT_GO
               ? option_refuse (connection, option, NBD_REP_ERR_TOO_BIG,
                                "too long")
               : answer (connection, option);
  }
}

static enum next_step
next_option (struct connection *connection, uint64_t *budget)
{
  CLEANUP_FREE uint8_t *data = NULL;
  struct nbd_option_header header;
  struct option option = { 0 };
  uint32_t length;

  if (stream_read (&connection->stream, &header, sizeof header) == -1 ||
      be64toh (header.magic) != NBD_OPTION_MAGIC)
    return NEXT_CLOSE;
  option.number = be32toh (header.option);
  length = be32toh (header.length);

  /* Beyond all reason: a client that keeps us busy, not one that opens an
   * export. */
  if (sizeof header + (uint64_t) length > *budget)
    return NEXT_CLOSE;
  *budget -= sizeof header + (uint64_t) length;

  if (length > MAX_OPTION_LENGTH)
    return drain_too_long (connection, &option, length);
  data = malloc (length + 1);
  if (data == NULL || stream_read (&connection->stream, data, length) == -1)
    return NEXT_CLOSE;
  option.data = data;
  option.left = length;
  return answer (connection, &option);
}

int
handshake (struct connection *connection)
{
  uint64_t budget = connection->relay->configuration->option_bytes;
  enum next_step next = NEXT_OPTION;

  if (greet (connection) == -1)
    return -1;
  while (next == NEXT_OPTION)
    next = next_option (connection, &budget);
  return next == NEXT_TRANSMISSION ? 0 : -1;
}
