/* SPDX-License-Identifier: BSD-3-Clause */
/* LIST, INFO, GO and EXPORT_NAME: which exports there are and opening one. */

#include "config.h"

#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/options.h"

#define UPSTREAM_GONE "the server behind the relay does not answer; see its log"

enum next_step
option_list (struct connection *connection, struct option *option)
{
  CLEANUP_NAMES struct names names = { 0 };

  if (option->left > 0)
    return option_refuse (connection, option, NBD_REP_ERR_INVALID,
                          "LIST has no payload");
  if (exports_list (connection->relay->exports, &names) == -1)
    return option_refuse (connection, option, NBD_REP_ERR_SHUTDOWN,
                          UPSTREAM_GONE);
  for (size_t i = 0; i < names.count; i++) {
    const uint32_t length = strlen (names.items[i]);
    const uint32_t wire_length = htobe32 (length);
    char data[sizeof length + NBD_MAX_STRING];

    if (!connection_allows (connection, names.items[i]))
      continue;
    memcpy (data, &wire_length, sizeof wire_length);
    memcpy (data + sizeof wire_length, names.items[i], length);
    if (option_reply (connection, option, NBD_REP_SERVER, data,
                      sizeof wire_length + length) == NEXT_CLOSE)
      return NEXT_CLOSE;
  }
  return option_reply (connection, option, NBD_REP_ACK, NULL, 0);
}

/* What the client may not know of does not exist, without asking.  Else asks
 * upstream for an export, on the connection that will serve it. */
static enum upstream_answer
open_export (struct connection *connection, enum nbd_option option,
             const char *name, struct upstream *upstream,
             struct export_info *info)
{
  if (!connection_allows (connection, name))
    return UPSTREAM_UNKNOWN;
  if (upstream_open (upstream, &connection->relay->configuration->upstream) ==
      -1)
    return UPSTREAM_FAILED;
  return upstream_info (upstream, option, name, info);
}

static uint16_t
transmission_flags (const struct connection *connection,
                    const struct export_info *info)
{
  return NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY | NBD_FLAG_CAN_MULTI_CONN |
         (connection->replies != REPLY_SIMPLE ? NBD_FLAG_SEND_DF : 0) |
         (info->flags & NBD_FLAG_SEND_CACHE);
}

/* The connection is the client's for the transmission; contexts that it chose
 * for another export do not count. */
static void
take_export (struct connection *connection, char *name,
             struct upstream *upstream, const struct export_info *info)
{
  connection->export = name;
  connection->upstream = *upstream;
  upstream->stream.fd = -1;
  connection->info = *info;
  if (connection->context_export == NULL ||
      strcmp (connection->context_export, name) != 0)
    contexts_free (&connection->contexts);
}

static enum next_step
send_info (struct connection *connection, const struct option *option,
           const struct export_info *info, bool with_block_size)
{
  const struct nbd_info_export export = {
    htobe16 (NBD_INFO_EXPORT), htobe64 (info->size),
    htobe16 (transmission_flags (connection, info))
  };
  const struct nbd_info_block_size block_size = { htobe16 (NBD_INFO_BLOCK_SIZE),
                                                  htobe32 (info->minimum),
                                                  htobe32 (info->preferred),
                                                  htobe32 (info->maximum) };

  if (option_reply (connection, option, NBD_REP_INFO, &export, sizeof export) ==
          NEXT_CLOSE ||
      (with_block_size &&
       option_reply (connection, option, NBD_REP_INFO, &block_size,
                     sizeof block_size) == NEXT_CLOSE))
    return NEXT_CLOSE;
  return option_reply (connection, option, NBD_REP_ACK, NULL, 0);
}

/* Whether BLOCK_SIZE is asked for is in *block_size. */
static bool
read_info_requests (struct option *option, bool *block_size)
{
  uint16_t count, request;

  *block_size = false;
  if (!option_read_u16 (option, &count) ||
      option->left != (size_t) count * sizeof request)
    return false;
  while (option_read_u16 (option, &request))
    if (request == NBD_INFO_BLOCK_SIZE)
      *block_size = true;
  return true;
}

enum next_step
option_info_or_go (struct connection *connection, struct option *option)
{
  struct upstream upstream CLEANUP_UPSTREAM = { .stream.fd = -1 };
  CLEANUP_FREE char *name = NULL;
  struct export_info info;
  bool block_size;

  if (!option_read_string (option, &name) ||
      !read_info_requests (option, &block_size))
    return option_refuse (connection, option, NBD_REP_ERR_INVALID,
                          "lengths that do not fit, or a name that is no "
                          "string");
  switch (open_export (connection, option->number, name, &upstream, &info)) {
  case UPSTREAM_UNKNOWN:
    return option_refuse (connection, option, NBD_REP_ERR_UNKNOWN,
                          "no such export; LIST shows those that exist");
  case UPSTREAM_FAILED:
    return option_refuse (connection, option, NBD_REP_ERR_SHUTDOWN,
                          UPSTREAM_GONE);
  case UPSTREAM_OK:
    break;
  }
  if (send_info (connection, option, &info, block_size) == NEXT_CLOSE)
    return NEXT_CLOSE;
  if (option->number == NBD_OPT_INFO)
    return NEXT_OPTION;
  take_export (connection, STEAL (name), &upstream, &info);
  return NEXT_TRANSMISSION;
}

enum next_step
option_export_name (struct connection *connection, struct option *option)
{
  struct upstream upstream CLEANUP_UPSTREAM = { .stream.fd = -1 };
  CLEANUP_FREE char *name = NULL;
  struct nbd_export_name_reply reply = { 0 };
  struct export_info info;

  /* There is no way to say no but to close.  With extended headers the client
   * must not use it. */
  if (connection->replies == REPLY_EXTENDED ||
      !option_read_bytes (option, option->left, &name) ||
      open_export (connection, NBD_OPT_GO, name, &upstream, &info) !=
          UPSTREAM_OK)
    return NEXT_CLOSE;
  reply.size = htobe64 (info.size);
  reply.flags = htobe16 (transmission_flags (connection, &info));
  if (stream_write (&connection->stream, &reply,
                    connection->no_zeroes
                        ? offsetof (struct nbd_export_name_reply, zeroes)
                        : sizeof reply) == -1)
    return NEXT_CLOSE;
  take_export (connection, STEAL (name), &upstream, &info);
  return NEXT_TRANSMISSION;
}
