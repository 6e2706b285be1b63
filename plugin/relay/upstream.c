/* SPDX-License-Identifier: BSD-3-Clause */
/* The relay as a client of the server behind it: the handshake.  The server is
 * believed no more than a client is: every length is bounded before use. */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "plugin/relay/message.h"
#include "plugin/relay/upstream.h"

/* To connect and negotiate; opening an export can mean that the server has to
 * connect somewhere in turn. */
#define TIME_LIMIT 30 /* seconds */

/* Bounds of what is accepted in answer to one option. */
#define MAX_REPLY_LENGTH 65536
#define MAX_EXPORTS      16384
#define MAX_REPLIES      64

/* More is never asked of the server in one request, whatever it offers. */
#define MAX_PAYLOAD (UINT32_C (1) << 26)

/* One reply to an option; 'data' is NUL-terminated beyond its length. */
struct reply {
  uint32_t type;
  uint32_t length;
  char data[MAX_REPLY_LENGTH + 1];
};

static int
protocol_error (const char *what)
{
  message ("upstream breaks the NBD protocol: %s", what);
  return -1;
}

static int
input_error (void)
{
  message ("upstream: %s while negotiating", strerror (errno));
  return -1;
}

static int
greet (struct upstream *upstream)
{
  struct nbd_greeting greeting;
  uint32_t client_flags;

  if (stream_read (&upstream->stream, &greeting, sizeof greeting) == -1)
    return input_error ();
  upstream->flags =
      be16toh (greeting.flags) & (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
  if (be64toh (greeting.magic) != NBD_MAGIC ||
      be64toh (greeting.option_magic) != NBD_OPTION_MAGIC ||
      (upstream->flags & NBD_FLAG_FIXED_NEWSTYLE) == 0)
    return protocol_error ("no fixed newstyle greeting");
  client_flags = htobe32 (upstream->flags);
  if (stream_write (&upstream->stream, &client_flags, sizeof client_flags) ==
      -1)
    return input_error ();
  return 0;
}

int
upstream_open (struct upstream *upstream, const struct address *address)
{
  stream_init (&upstream->stream, address_connect (address), -1);
  if (upstream->stream.fd == -1)
    return -1;
  stream_set_time_limit (&upstream->stream, TIME_LIMIT);
  if (greet (upstream) == -1) {
    upstream_close (upstream);
    return -1;
  }
  return 0;
}

void
upstream_close (struct upstream *upstream)
{
  if (upstream->stream.fd >= 0)
    close (STEAL_FD (upstream->stream.fd));
}

static int
send_option (struct upstream *upstream, enum nbd_option option,
             const void *data, size_t length)
{
  struct nbd_option_header header = { htobe64 (NBD_OPTION_MAGIC),
                                      htobe32 (option), htobe32 (length) };
  struct iovec parts[2] = {
    { .iov_base = &header, .iov_len = sizeof header },
    { .iov_base = (void *) data, .iov_len = length },
  };

  if (stream_writev (&upstream->stream, parts, 2) == -1)
    return input_error ();
  return 0;
}

static int
receive_reply (struct upstream *upstream, enum nbd_option option,
               struct reply *reply)
{
  struct nbd_option_reply header;

  if (stream_read (&upstream->stream, &header, sizeof header) == -1)
    return input_error ();
  if (be64toh (header.magic) != NBD_OPTION_REPLY_MAGIC ||
      be32toh (header.option) != (uint32_t) option)
    return protocol_error ("a reply to something that was not asked");
  reply->type = be32toh (header.type);
  reply->length = be32toh (header.length);
  if (reply->length > MAX_REPLY_LENGTH)
    return protocol_error ("a reply to an option is too long");
  if (stream_read (&upstream->stream, reply->data, reply->length) == -1)
    return input_error ();
  reply->data[reply->length] = '\0';
  return 0;
}

static int
refused (enum nbd_option option, const struct reply *reply)
{
  message ("upstream refuses option %d with 0x%x%s%s", option, reply->type,
           reply->length ? ": " : "", reply->data);
  return -1;
}

static int
add_export (const struct reply *reply, struct names *names)
{
  uint32_t length;

  if (reply->length < sizeof length)
    return protocol_error ("an export's description is too short");
  memcpy (&length, reply->data, sizeof length);
  length = be32toh (length);
  if (length > reply->length - sizeof length ||
      !name_valid (reply->data + sizeof length, length))
    return protocol_error ("an export's name is not valid");
  if (names->count >= MAX_EXPORTS)
    return protocol_error ("too many exports");
  if (names_add (names, reply->data + sizeof length, length) == -1) {
    message ("%s", strerror (errno));
    return -1;
  }
  return 0;
}

int
upstream_list (struct upstream *upstream, struct names *names)
{
  CLEANUP_FREE struct reply *reply = malloc (sizeof *reply);

  if (reply == NULL) {
    message ("%s", strerror (errno));
    return -1;
  }
  if (send_option (upstream, NBD_OPT_LIST, NULL, 0) == -1)
    return -1;
  for (;;) {
    if (receive_reply (upstream, NBD_OPT_LIST, reply) == -1)
      return -1;
    if (reply->type == NBD_REP_ACK)
      return 0;
    if (reply->type & NBD_REP_ERR_BIT)
      return refused (NBD_OPT_LIST, reply);
    if (reply->type != NBD_REP_SERVER)
      return protocol_error ("an answer that LIST does not have");
    if (add_export (reply, names) == -1)
      return -1;
  }
}

/* What an option that has no content ends in.  -1: reported. */
static int
receive_final (struct upstream *upstream, enum nbd_option option,
               struct reply *reply)
{
  if (receive_reply (upstream, option, reply) == -1)
    return -1;
  if (reply->type == NBD_REP_ACK || reply->type & NBD_REP_ERR_BIT)
    return 0;
  return protocol_error ("an answer that this option does not have");
}

static int
send_allocation_query (struct upstream *upstream, const char *export)
{
  static const char query[] = BASE_ALLOCATION;
  const uint32_t count = htobe32 (1), query_length = htobe32 (strlen (query));
  const size_t length = strlen (export);
  const uint32_t wire_length = htobe32 (length);
  char data[3 * sizeof wire_length + NBD_MAX_STRING + sizeof query],
      *end = data;

  if (length > NBD_MAX_STRING)
    return protocol_error ("an export's name is too long");
  end = mempcpy (end, &wire_length, sizeof wire_length);
  end = mempcpy (end, export, length);
  end = mempcpy (end, &count, sizeof count);
  end = mempcpy (end, &query_length, sizeof query_length);
  end = mempcpy (end, query, strlen (query));
  return send_option (upstream, NBD_OPT_SET_META_CONTEXT, data, end - data);
}

/* A server that refuses has no such context: old ones know no option of the
 * kind. */
int
upstream_tells_allocation (struct upstream *upstream, const char *export,
                           bool *tells)
{
  CLEANUP_FREE struct reply *reply = malloc (sizeof *reply);

  *tells = false;
  if (reply == NULL) {
    message ("%s", strerror (errno));
    return -1;
  }
  if (send_option (upstream, NBD_OPT_STRUCTURED_REPLY, NULL, 0) == -1 ||
      receive_final (upstream, NBD_OPT_STRUCTURED_REPLY, reply) == -1)
    return -1;
  if (reply->type != NBD_REP_ACK)
    return 0;
  if (send_allocation_query (upstream, export) == -1)
    return -1;
  for (int i = 0; i < MAX_REPLIES; i++) {
    if (receive_reply (upstream, NBD_OPT_SET_META_CONTEXT, reply) == -1)
      return -1;
    if (reply->type != NBD_REP_META_CONTEXT) {
      *tells = *tells && reply->type == NBD_REP_ACK;
      return 0;
    }
    if (reply->length > sizeof (uint32_t) &&
        strcmp (reply->data + sizeof (uint32_t), BASE_ALLOCATION) == 0)
      *tells = true;
  }
  return protocol_error ("contexts without end");
}

static int
parse_export_info (const struct reply *reply, struct export_info *info)
{
  struct nbd_info_export wire;

  if (reply->length != sizeof wire)
    return protocol_error ("an export's information has a wrong length");
  memcpy (&wire, reply->data, sizeof wire);
  info->size = be64toh (wire.size);
  info->flags = be16toh (wire.flags);
  if (info->size > INT64_MAX)
    return protocol_error ("an export of 2^63 bytes or more");
  if ((info->flags & NBD_FLAG_HAS_FLAGS) == 0)
    return protocol_error ("an export without HAS_FLAGS");
  return 0;
}

static bool
is_power_of_2 (uint32_t n)
{
  return n != 0 && (n & (n - 1)) == 0;
}

static int
parse_block_size (const struct reply *reply, struct export_info *info)
{
  struct nbd_info_block_size wire;

  if (reply->length != sizeof wire)
    return protocol_error ("block sizes have a wrong length");
  memcpy (&wire, reply->data, sizeof wire);
  info->minimum = be32toh (wire.minimum);
  info->preferred = be32toh (wire.preferred);
  info->maximum = be32toh (wire.maximum);
  if (!is_power_of_2 (info->minimum) || info->minimum > 65536 ||
      !is_power_of_2 (info->preferred) || info->preferred < 512 ||
      info->preferred < info->minimum || info->preferred > info->maximum)
    return protocol_error ("block sizes that contradict each other");
  if (info->maximum > MAX_PAYLOAD)
    info->maximum =
        info->preferred > MAX_PAYLOAD ? info->preferred : MAX_PAYLOAD;
  return 0;
}

/* One NBD_REP_INFO; notes in *complete that the export itself was described. */
static int
parse_info (const struct reply *reply, struct export_info *info, bool *complete)
{
  uint16_t type;

  if (reply->length < sizeof type)
    return protocol_error ("information that is too short");
  memcpy (&type, reply->data, sizeof type);
  switch (be16toh (type)) {
  case NBD_INFO_EXPORT:
    *complete = true;
    return parse_export_info (reply, info);
  case NBD_INFO_BLOCK_SIZE:
    return parse_block_size (reply, info);
  default:
    return 0;
  }
}

static int
send_info_request (struct upstream *upstream, enum nbd_option option,
                   const char *export)
{
  const uint16_t requests[] = { htobe16 (1), htobe16 (NBD_INFO_BLOCK_SIZE) };
  const size_t length = strlen (export);
  const uint32_t wire_length = htobe32 (length);
  char data[sizeof wire_length + NBD_MAX_STRING + sizeof requests];

  if (length > NBD_MAX_STRING)
    return protocol_error ("an export's name is too long");
  memcpy (data, &wire_length, sizeof wire_length);
  memcpy (data + sizeof wire_length, export, length);
  memcpy (data + sizeof wire_length + length, requests, sizeof requests);
  return send_option (upstream, option, data,
                      sizeof wire_length + length + sizeof requests);
}

/* The replies up to the final one. */
static enum upstream_answer
receive_info (struct upstream *upstream, enum nbd_option option,
              struct reply *reply, struct export_info *info)
{
  bool complete = false;

  for (int i = 0; i < MAX_REPLIES; i++) {
    if (receive_reply (upstream, option, reply) == -1)
      return UPSTREAM_FAILED;
    if (reply->type == NBD_REP_ACK) {
      if (complete && !stream_has_unread (&upstream->stream))
        return UPSTREAM_OK;
      protocol_error ("an export opened without a description");
      return UPSTREAM_FAILED;
    }
    if (reply->type == NBD_REP_ERR_UNKNOWN)
      return UPSTREAM_UNKNOWN;
    if (reply->type & NBD_REP_ERR_BIT) {
      refused (option, reply);
      return UPSTREAM_FAILED;
    }
    if (reply->type == NBD_REP_INFO &&
        parse_info (reply, info, &complete) == -1)
      return UPSTREAM_FAILED;
  }
  protocol_error ("information about an export without end");
  return UPSTREAM_FAILED;
}

enum upstream_answer
upstream_info (struct upstream *upstream, enum nbd_option option,
               const char *export, struct export_info *info)
{
  CLEANUP_FREE struct reply *reply = malloc (sizeof *reply);

  *info = (struct export_info){ .minimum = 1,
                                .preferred = 4096,
                                .maximum = NBD_DEFAULT_MAXIMUM_PAYLOAD };
  if (reply == NULL) {
    message ("%s", strerror (errno));
    return UPSTREAM_FAILED;
  }
  if (send_info_request (upstream, option, export) == -1)
    return UPSTREAM_FAILED;
  return receive_info (upstream, option, reply, info);
}
