/* SPDX-License-Identifier: BSD-3-Clause */
/* The NBD protocol on the wire: numbers and packed structures, every field
 * big-endian.  Names follow doc/proto.md of the NBD project. */

#ifndef PULLBACK_PROTOCOL_H
#define PULLBACK_PROTOCOL_H

#include <endian.h>
#include <stdint.h>

#define NBD_MAGIC                  UINT64_C (0x4e42444d41474943) /* NBDMAGIC */
#define NBD_OPTION_MAGIC           UINT64_C (0x49484156454f5054) /* IHAVEOPT */
#define NBD_OPTION_REPLY_MAGIC     UINT64_C (0x3e889045565a9)
#define NBD_REQUEST_MAGIC          UINT32_C (0x25609513)
#define NBD_EXTENDED_REQUEST_MAGIC UINT32_C (0x21e41c71)
#define NBD_SIMPLE_REPLY_MAGIC     UINT32_C (0x67446698)
#define NBD_STRUCTURED_REPLY_MAGIC UINT32_C (0x668e33ef)
#define NBD_EXTENDED_REPLY_MAGIC   UINT32_C (0x6e8a278c)

/* "Strings": names, queries and error texts. */
#define NBD_MAX_STRING 4096

/* The metadata context of the "base:" namespace. */
#define BASE_ALLOCATION "base:allocation"

/* What every server accepts without having said so ("Size constraints"). */
#define NBD_DEFAULT_MAXIMUM_PAYLOAD (UINT32_C (1) << 25)

/* Handshake flags, the server's and the client's. */
#define NBD_FLAG_FIXED_NEWSTYLE (1 << 0)
#define NBD_FLAG_NO_ZEROES      (1 << 1)

/* Transmission flags. */
#define NBD_FLAG_HAS_FLAGS      (1 << 0)
#define NBD_FLAG_READ_ONLY      (1 << 1)
#define NBD_FLAG_SEND_DF        (1 << 7)
#define NBD_FLAG_CAN_MULTI_CONN (1 << 8)
#define NBD_FLAG_SEND_CACHE     (1 << 10)

enum nbd_option {
  NBD_OPT_EXPORT_NAME = 1,
  NBD_OPT_ABORT = 2,
  NBD_OPT_LIST = 3,
  NBD_OPT_STARTTLS = 5,
  NBD_OPT_INFO = 6,
  NBD_OPT_GO = 7,
  NBD_OPT_STRUCTURED_REPLY = 8,
  NBD_OPT_LIST_META_CONTEXT = 9,
  NBD_OPT_SET_META_CONTEXT = 10,
  NBD_OPT_EXTENDED_HEADERS = 11,
};

#define NBD_REP_ACK                 UINT32_C (1)
#define NBD_REP_SERVER              UINT32_C (2)
#define NBD_REP_INFO                UINT32_C (3)
#define NBD_REP_META_CONTEXT        UINT32_C (4)
#define NBD_REP_ERR_BIT             (UINT32_C (1) << 31)
#define NBD_REP_ERR_UNSUP           (NBD_REP_ERR_BIT + 1)
#define NBD_REP_ERR_INVALID         (NBD_REP_ERR_BIT + 3)
#define NBD_REP_ERR_TLS_REQD        (NBD_REP_ERR_BIT + 5)
#define NBD_REP_ERR_UNKNOWN         (NBD_REP_ERR_BIT + 6)
#define NBD_REP_ERR_SHUTDOWN        (NBD_REP_ERR_BIT + 7)
#define NBD_REP_ERR_TOO_BIG         (NBD_REP_ERR_BIT + 9)
#define NBD_REP_ERR_EXT_HEADER_REQD (NBD_REP_ERR_BIT + 10)

#define NBD_INFO_EXPORT     0
#define NBD_INFO_BLOCK_SIZE 3

enum nbd_command {
  NBD_CMD_READ = 0,
  NBD_CMD_WRITE = 1,
  NBD_CMD_DISC = 2,
  NBD_CMD_FLUSH = 3,
  NBD_CMD_TRIM = 4,
  NBD_CMD_CACHE = 5,
  NBD_CMD_WRITE_ZEROES = 6,
  NBD_CMD_BLOCK_STATUS = 7,
};

#define NBD_CMD_FLAG_DF          (1 << 2)
#define NBD_CMD_FLAG_REQ_ONE     (1 << 3)
#define NBD_CMD_FLAG_PAYLOAD_LEN (1 << 5)

#define NBD_REPLY_FLAG_DONE (1 << 0)

#define NBD_REPLY_TYPE_NONE             0
#define NBD_REPLY_TYPE_OFFSET_HOLE      2
#define NBD_REPLY_TYPE_OFFSET_DATA      1
#define NBD_REPLY_TYPE_BLOCK_STATUS     5
#define NBD_REPLY_TYPE_BLOCK_STATUS_EXT 6
#define NBD_REPLY_TYPE_ERROR            ((1 << 15) + 1)

/* The only errors there are ("Error values"). */
enum nbd_error {
  NBD_SUCCESS = 0,
  NBD_EPERM = 1,
  NBD_EIO = 5,
  NBD_ENOMEM = 12,
  NBD_EINVAL = 22,
  NBD_ENOSPC = 28,
  NBD_EOVERFLOW = 75,
  NBD_ENOTSUP = 95,
  NBD_ESHUTDOWN = 108,
};

#define NBD_PACKED __attribute__ ((packed))

struct nbd_greeting {
  uint64_t magic;
  uint64_t option_magic;
  uint16_t flags;
} NBD_PACKED;

struct nbd_option_header {
  uint64_t magic;
  uint32_t option;
  uint32_t length;
} NBD_PACKED;

struct nbd_option_reply {
  uint64_t magic;
  uint32_t option;
  uint32_t type;
  uint32_t length;
} NBD_PACKED;

struct nbd_info_export {
  uint16_t type;
  uint64_t size;
  uint16_t flags;
} NBD_PACKED;

struct nbd_info_block_size {
  uint16_t type;
  uint32_t minimum;
  uint32_t preferred;
  uint32_t maximum;
} NBD_PACKED;

/* The end of EXPORT_NAME; the zeroes only if either side wants them. */
struct nbd_export_name_reply {
  uint64_t size;
  uint16_t flags;
  uint8_t zeroes[124];
} NBD_PACKED;

struct nbd_request {
  uint32_t magic;
  uint16_t flags;
  uint16_t type;
  uint64_t cookie;
  uint64_t offset;
  uint32_t length;
} NBD_PACKED;

/* With extended headers.  'length' is that of a payload if PAYLOAD_LEN is set,
 * else of the range. */
struct nbd_extended_request {
  uint32_t magic;
  uint16_t flags;
  uint16_t type;
  uint64_t cookie;
  uint64_t offset;
  uint64_t length;
} NBD_PACKED;

struct nbd_simple_reply {
  uint32_t magic;
  uint32_t error;
  uint64_t cookie;
} NBD_PACKED;

struct nbd_chunk {
  uint32_t magic;
  uint16_t flags;
  uint16_t type;
  uint64_t cookie;
  uint32_t length;
} NBD_PACKED;

/* 'offset' is the request's. */
struct nbd_extended_chunk {
  uint32_t magic;
  uint16_t flags;
  uint16_t type;
  uint64_t cookie;
  uint64_t offset;
  uint64_t length;
} NBD_PACKED;

struct nbd_chunk_error {
  uint32_t error;
  uint16_t text_length;
} NBD_PACKED;

struct nbd_chunk_hole {
  uint64_t offset;
  uint32_t length;
} NBD_PACKED;

struct nbd_block_descriptor {
  uint32_t length;
  uint32_t flags;
} NBD_PACKED;

/* With extended headers: before the descriptors, and each of them. */
struct nbd_extended_block_status {
  uint32_t context;
  uint32_t count;
} NBD_PACKED;

struct nbd_extended_block_descriptor {
  uint64_t length;
  uint64_t flags;
} NBD_PACKED;

#endif /* PULLBACK_PROTOCOL_H */
