/* SPDX-License-Identifier: BSD-3-Clause */
/* Goes through what the client sent and what it got side by side: a client of
 * the protocol that was written apart from the relay. */

#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/protocol.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/relay-judge.h"
#include "tests/fuzz/relay-origin.h"

/* A longer payload of a request ends the connection. */
#define MAX_PAYLOAD (UINT64_C (1) << 26)

enum headers { SIMPLE, STRUCTURED, EXTENDED };

/* What is left of a run of bytes. */
struct bytes {
  const uint8_t *next;
  size_t left;
};

struct request {
  uint16_t flags, type;
  uint64_t cookie; /* as on the wire */
  uint64_t offset, length;
  bool is_double;   /* another one has the same cookie: which is meant? */
  bool is_answered; /* to the end */
  uint64_t covered; /* bytes that content was sent for */
};

struct trial {
  struct bytes sent, got;
  bool honest;
  bool whole; /* nothing of 'got' is missing */
  bool no_zeroes;
  enum headers headers;
  const struct origin_export *export; /* NULL: not known, or not opened */
  struct request *requests;
  size_t request_count;
};

static const void *
take (struct bytes *bytes, uint64_t length)
{
  const uint8_t *data = bytes->next;

  if (length > bytes->left)
    return NULL;
  bytes->next += length;
  bytes->left -= length;
  return data;
}

static bool
take_copy (struct bytes *bytes, void *data, size_t length)
{
  const void *from = take (bytes, length);

  if (from)
    memcpy (data, from, length);
  return from != NULL;
}

/* What must be there if anything is; false: the relay's words end here. */
static bool
get (struct trial *trial, void *data, size_t length)
{
  if (take_copy (&trial->got, data, length))
    return true;
  must (trial->got.left == 0 || !trial->whole, "the relay ends within a reply");
  return false;
}

static const void *
get_payload (struct trial *trial, uint64_t length)
{
  const void *payload = take (&trial->got, length);

  must (payload || !trial->whole, "the relay ends within a payload");
  return payload;
}

/* The handshake. */

static bool
is_text (const uint8_t *data, size_t length)
{
  return length <= NBD_MAX_STRING && memchr (data, '\0', length) == NULL;
}

static void
check_option_reply (const struct nbd_option_reply *reply, uint32_t option,
                    const uint8_t *data, uint32_t length)
{
  const uint32_t type = be32toh (reply->type);
  uint32_t name_length;

  must (be64toh (reply->magic) == NBD_OPTION_REPLY_MAGIC,
        "a reply to an option has a wrong magic");
  must (be32toh (reply->option) == option, "a reply to option %u, not to %u",
        be32toh (reply->option), option);
  if (type & NBD_REP_ERR_BIT) {
    must (is_text (data, length), "an error's text is none");
    return;
  }
  switch (type) {
  case NBD_REP_ACK:
    must (length == 0, "ACK with a payload");
    break;
  case NBD_REP_SERVER:
    must (option == NBD_OPT_LIST && length >= 4, "SERVER where there is none");
    memcpy (&name_length, data, 4);
    must (be32toh (name_length) == length - 4 && is_text (data + 4, length - 4),
          "an export's name is none");
    break;
  case NBD_REP_INFO:
    must ((option == NBD_OPT_INFO || option == NBD_OPT_GO) &&
              ((length == 12 && data[1] == NBD_INFO_EXPORT) ||
               (length == 14 && data[1] == NBD_INFO_BLOCK_SIZE)),
          "INFO where there is none");
    break;
  case NBD_REP_META_CONTEXT:
    must ((option == NBD_OPT_LIST_META_CONTEXT ||
           option == NBD_OPT_SET_META_CONTEXT) &&
              length > 4 && is_text (data + 4, length - 4),
          "META_CONTEXT where there is none");
    break;
  default:
    must (false, "a reply of type 0x%x", type);
  }
}

/* Up to the final reply.  false: there is none. */
static bool
judge_replies (struct trial *trial, uint32_t option, bool *accepted)
{
  struct nbd_option_reply reply;
  const uint8_t *data;
  uint32_t length;

  do {
    if (!get (trial, &reply, sizeof reply))
      return false;
    length = be32toh (reply.length);
    data = get_payload (trial, length);
    if (data == NULL)
      return false;
    check_option_reply (&reply, option, data, length);
    *accepted = be32toh (reply.type) == NBD_REP_ACK;
  } while (!*accepted && (be32toh (reply.type) & NBD_REP_ERR_BIT) == 0);
  return true;
}

/* EXPORT_NAME has an answer of its own. */
static bool
judge_export_name (struct trial *trial)
{
  struct nbd_export_name_reply reply = { 0 };
  static const uint8_t zeroes[sizeof reply.zeroes];
  const size_t length = trial->no_zeroes
                            ? offsetof (struct nbd_export_name_reply, zeroes)
                            : sizeof reply;

  if (!get (trial, &reply, length))
    return false;
  must (memcmp (reply.zeroes, zeroes, sizeof zeroes) == 0,
        "EXPORT_NAME ends in something else than zeroes");
  return true;
}

static const struct origin_export *
named_export (const uint8_t *data, uint32_t length, uint32_t option)
{
  uint32_t name_length;

  if (option == NBD_OPT_EXPORT_NAME)
    return origin_find (data, length);
  if (length < 4)
    return NULL;
  memcpy (&name_length, data, 4);
  name_length = be32toh (name_length);
  return name_length <= length - 4 ? origin_find (data + 4, name_length) : NULL;
}

/* One option and the answer.  false: no other one follows, *opened if that is
 * because transmission begins. */
static bool
judge_option (struct trial *trial, bool *opened)
{
  struct nbd_option_header header;
  const uint8_t *data;
  uint32_t option;
  bool accepted = false;

  if (!take_copy (&trial->sent, &header, sizeof header) ||
      be64toh (header.magic) != NBD_OPTION_MAGIC)
    return false;
  option = be32toh (header.option);
  data = take (&trial->sent, be32toh (header.length));
  if (data == NULL)
    return false;
  if (option == NBD_OPT_EXPORT_NAME || option == NBD_OPT_GO)
    trial->export = named_export (data, be32toh (header.length), option);
  if (option == NBD_OPT_EXPORT_NAME) {
    *opened = judge_export_name (trial);
    return false;
  }
  if (!judge_replies (trial, option, &accepted))
    return false;
  *opened = accepted && option == NBD_OPT_GO;
  if (accepted && option == NBD_OPT_STRUCTURED_REPLY)
    trial->headers = STRUCTURED;
  if (accepted && option == NBD_OPT_EXTENDED_HEADERS)
    trial->headers = EXTENDED;
  if (accepted && option == NBD_OPT_STARTTLS) {
    /* What follows is for the two of them alone. */
    trial->sent.left = trial->got.left = 0;
    return false;
  }
  return !*opened && option != NBD_OPT_ABORT;
}

static bool
judge_handshake (struct trial *trial)
{
  struct nbd_greeting greeting;
  uint32_t flags;
  bool opened = false;

  must (get (trial, &greeting, sizeof greeting) &&
            be64toh (greeting.magic) == NBD_MAGIC &&
            be64toh (greeting.option_magic) == NBD_OPTION_MAGIC,
        "the relay does not greet");
  if (!take_copy (&trial->sent, &flags, sizeof flags))
    return false;
  trial->no_zeroes = be32toh (flags) & NBD_FLAG_NO_ZEROES;
  while (judge_option (trial, &opened))
    ;
  return opened;
}

/* The transmission: what was asked. */

static bool
take_compact (struct bytes *sent, struct request *request)
{
  struct nbd_request wire;

  if (!take_copy (sent, &wire, sizeof wire) ||
      be32toh (wire.magic) != NBD_REQUEST_MAGIC)
    return false;
  *request = (struct request){ .flags = be16toh (wire.flags),
                               .type = be16toh (wire.type),
                               .cookie = wire.cookie,
                               .offset = be64toh (wire.offset),
                               .length = be32toh (wire.length) };
  return request->type != NBD_CMD_WRITE ||
         (request->length <= MAX_PAYLOAD && take (sent, request->length));
}

static bool
take_extended (struct bytes *sent, struct request *request)
{
  struct nbd_extended_request wire;

  if (!take_copy (sent, &wire, sizeof wire) ||
      be32toh (wire.magic) != NBD_EXTENDED_REQUEST_MAGIC)
    return false;
  *request = (struct request){ .flags = be16toh (wire.flags),
                               .type = be16toh (wire.type),
                               .cookie = wire.cookie,
                               .offset = be64toh (wire.offset),
                               .length = be64toh (wire.length) };
  return (request->flags & NBD_CMD_FLAG_PAYLOAD_LEN) == 0 ||
         (request->length <= MAX_PAYLOAD && take (sent, request->length));
}

static struct request *
find_request (struct trial *trial, uint64_t cookie)
{
  struct request *found = NULL;

  for (size_t i = 0; i < trial->request_count; i++)
    if (trial->requests[i].cookie == cookie) {
      found = &trial->requests[i];
      if (!found->is_answered)
        return found;
    }
  return found;
}

static void
take_requests (struct trial *trial)
{
  struct bytes *sent = &trial->sent;
  struct request request, *other;

  trial->requests = calloc (sent->left / sizeof (struct nbd_request) + 1,
                            sizeof *trial->requests);
  must (trial->requests != NULL, "calloc");
  while ((trial->headers == EXTENDED ? take_extended (sent, &request)
                                     : take_compact (sent, &request)) &&
         request.type != NBD_CMD_DISC) {
    other = find_request (trial, request.cookie);
    if (other)
      request.is_double = other->is_double = true;
    trial->requests[trial->request_count++] = request;
  }
}

/* The transmission: what was answered. */

static void
check_content (const struct trial *trial, struct request *request,
               uint64_t offset, uint64_t length, const uint8_t *data)
{
  static const uint8_t zeroes[ORIGIN_EXTENT];

  if (request->is_double)
    return;
  must (request->type == NBD_CMD_READ, "content that was not asked for");
  request->covered += length;
  must (offset >= request->offset && length <= request->length &&
            offset - request->offset <= request->length - length,
        "content beside what was asked for");
  must (request->covered <= request->length, "content twice");
  if (!trial->honest)
    return;
  must (!data || !origin_fails (trial->export, offset, length),
        "content of what cannot be read");
  if (!data && trial->export->zeroes)
    return;
  for (uint64_t i = 0, n; i < length; i += n) {
    n = length - i < ORIGIN_EXTENT ? length - i : ORIGIN_EXTENT;
    must (memcmp (origin_bytes (trial->export, offset + i),
                  data ? data + i : zeroes, n) == 0,
          "wrong bytes from %" PRIu64 " on", offset + i);
  }
}

static void
check_done (struct request *request, bool success)
{
  must (!request->is_answered, "an answer twice");
  request->is_answered = true;
  if (!success || request->is_double)
    return;
  must (request->type != NBD_CMD_READ || request->covered == request->length,
        "a READ that is not all");
  must (request->type == NBD_CMD_READ || request->type == NBD_CMD_CACHE ||
            request->type == NBD_CMD_BLOCK_STATUS,
        "success of command %u", request->type);
}

static bool
judge_simple (struct trial *trial)
{
  struct nbd_simple_reply reply;
  struct request *request;
  const uint8_t *data;

  if (!get (trial, &reply, sizeof reply))
    return false;
  must (be32toh (reply.magic) == NBD_SIMPLE_REPLY_MAGIC,
        "a simple reply has a wrong magic");
  request = find_request (trial, reply.cookie);
  must (request != NULL, "a reply to no request");
  if (request->is_double)
    return false;
  if (reply.error == 0 && request->type == NBD_CMD_READ) {
    data = get_payload (trial, request->length);
    if (data == NULL)
      return false;
    check_content (trial, request, request->offset, request->length, data);
  }
  check_done (request, reply.error == 0);
  return true;
}

/* A chunk of either kind, in the machine's byte order but for the cookie. */
struct chunk {
  uint16_t flags, type;
  uint64_t cookie, length;
};

static bool
get_chunk (struct trial *trial, struct chunk *chunk)
{
  struct nbd_extended_chunk extended;
  struct nbd_chunk structured;

  if (trial->headers == EXTENDED) {
    if (!get (trial, &extended, sizeof extended))
      return false;
    must (be32toh (extended.magic) == NBD_EXTENDED_REPLY_MAGIC,
          "an extended chunk has a wrong magic");
    *chunk = (struct chunk){ be16toh (extended.flags), be16toh (extended.type),
                             extended.cookie, be64toh (extended.length) };
    return true;
  }
  if (!get (trial, &structured, sizeof structured))
    return false;
  must (be32toh (structured.magic) == NBD_STRUCTURED_REPLY_MAGIC,
        "a chunk has a wrong magic");
  *chunk =
      (struct chunk){ be16toh (structured.flags), be16toh (structured.type),
                      structured.cookie, be32toh (structured.length) };
  return true;
}

static void
check_block_status (const struct trial *trial, const struct request *request,
                    const uint8_t *data, uint64_t length)
{
  const bool is_extended = trial->headers == EXTENDED;
  const size_t start = is_extended ? 8 : 4, size = is_extended ? 16 : 8;
  uint64_t sum = 0, extent;
  uint32_t short_extent;

  must (request->type == NBD_CMD_BLOCK_STATUS || request->is_double,
        "extents nobody asked for");
  must (length > start && (length - start) % size == 0,
        "extents of %" PRIu64 " bytes", length);
  for (uint64_t i = start; i < length; i += size) {
    memcpy (&extent, data + i, 8);
    memcpy (&short_extent, data + i, 4);
    extent = is_extended ? be64toh (extent) : be32toh (short_extent);
    must (extent > 0 && extent <= INT64_MAX - sum, "an extent of a wrong size");
    sum += extent;
  }
  if (request->is_double)
    return;
  must (sum <= request->length, "extents beyond what was asked for");
  must ((request->flags & NBD_CMD_FLAG_REQ_ONE) == 0 || length == start + size,
        "more than one extent");
}

static void
check_chunk (struct trial *trial, const struct chunk *chunk,
             struct request *request, const uint8_t *data)
{
  uint64_t offset = 0;
  uint32_t length = 0;
  uint16_t text_length;

  switch (chunk->type) {
  case NBD_REPLY_TYPE_NONE:
    must (chunk->length == 0 && chunk->flags & NBD_REPLY_FLAG_DONE,
          "NONE with a payload, or not the last");
    break;
  case NBD_REPLY_TYPE_OFFSET_DATA:
    must (chunk->length > 8, "data without data");
    memcpy (&offset, data, 8);
    check_content (trial, request, be64toh (offset), chunk->length - 8,
                   data + 8);
    break;
  case NBD_REPLY_TYPE_OFFSET_HOLE:
    must (chunk->length == 12, "a hole that is none");
    must ((request->flags & NBD_CMD_FLAG_DF) == 0 || request->is_double,
          "a hole in what is not to be fragmented");
    memcpy (&offset, data, 8);
    memcpy (&length, data + 8, 4);
    must (length > 0, "a hole of nothing");
    check_content (trial, request, be64toh (offset), be32toh (length), NULL);
    break;
  case NBD_REPLY_TYPE_BLOCK_STATUS:
  case NBD_REPLY_TYPE_BLOCK_STATUS_EXT:
    must ((chunk->type == NBD_REPLY_TYPE_BLOCK_STATUS_EXT) ==
              (trial->headers == EXTENDED),
          "the other kind of extents");
    check_block_status (trial, request, data, chunk->length);
    break;
  case NBD_REPLY_TYPE_ERROR:
    must (chunk->length >= 6, "an error of %" PRIu64 " bytes", chunk->length);
    memcpy (&length, data, 4);
    memcpy (&text_length, data + 4, 2);
    must (length != 0 && be16toh (text_length) == chunk->length - 6,
          "an error that is none");
    break;
  default:
    must (false, "a chunk of type %u", chunk->type);
  }
}

static bool
judge_chunk (struct trial *trial)
{
  struct request *request;
  struct chunk chunk;
  const uint8_t *data;

  if (!get_chunk (trial, &chunk))
    return false;
  data = get_payload (trial, chunk.length);
  if (data == NULL)
    return false;
  request = find_request (trial, chunk.cookie);
  must (request != NULL, "a chunk for no request");
  must ((chunk.flags & ~NBD_REPLY_FLAG_DONE) == 0, "a chunk with flags 0x%x",
        chunk.flags);
  check_chunk (trial, &chunk, request, data);
  if (chunk.flags & NBD_REPLY_FLAG_DONE)
    check_done (request, chunk.type < NBD_REPLY_TYPE_ERROR);
  return true;
}

static void
judge_transmission (struct trial *trial)
{
  take_requests (trial);
  while (trial->got.left > 0)
    if (!(trial->headers == SIMPLE ? judge_simple (trial)
                                   : judge_chunk (trial)))
      return;
  for (size_t i = 0; i < trial->request_count && trial->whole; i++)
    must (trial->requests[i].is_answered, "no answer to request %zu", i);
}

void
judge (const struct session *session, bool honest)
{
  struct trial trial = { .sent = { session->sent, session->sent_length },
                         .got = { session->got, session->got_length },
                         .honest = honest,
                         .whole = !session->cut };

  if (judge_handshake (&trial)) {
    must (!honest || trial.export, "an export that does not exist");
    /* A payload that breaks off ends the connection, if nothing else can be
     * said. */
    if (!honest && trial.headers == SIMPLE)
      trial.whole = false;
    judge_transmission (&trial);
  }
  else
    must (trial.got.left == 0 || session->cut, "the relay says too much");
  free (trial.requests);
}
