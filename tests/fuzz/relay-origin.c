/* SPDX-License-Identifier: BSD-3-Clause */
/* The honest server: what nbdkit would say, in this process, so that a target
 * does the same each time. */

#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "plugin/map-export.h"
#include "plugin/relay/protocol.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/relay-origin.h"

#define FLAGS NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY | NBD_FLAG_CAN_MULTI_CONN

#define DISK_SIZE 777777

/* Zeroes long enough for the relay to make holes of them, and short ones. */
static const uint8_t allocation[] = { 0, 0, 3, 0, 2, 3, 3, 3, 0, 0, 0, 3,
                                      0, 0, 0, 0, 1, 1, 3, 0, 3, 0, 3, 0 };
static const uint8_t since_monday[] = { 1, 0, 3, 1, 1, 3, 1, 0 };
static const uint8_t inplace[] = { 3, 0, 0, 3, 3, 0, 3, 0 };
static const uint8_t nothing[] = { 3 };

static const struct origin_export exports[] = {
  { "vda", DISK_SIZE, FLAGS | NBD_FLAG_SEND_CACHE, 1, 1 << 18, allocation,
    sizeof allocation, false, NULL },
  { "vda@monday", DISK_SIZE, FLAGS, 1, 1 << 18, since_monday,
    sizeof since_monday, false, NULL },
  { "vda@monday/inplace", DISK_SIZE, FLAGS, 1, 1 << 18, inplace, sizeof inplace,
    false, NULL },
  { "big", UINT64_C (6) << 30, FLAGS | NBD_FLAG_SEND_CACHE, 512, 1 << 17,
    nothing, 1, true, NULL },
  { "big@tuesday", UINT64_C (6) << 30, FLAGS, 512, 1 << 17, since_monday,
    sizeof since_monday, true, NULL },
};

#define EXPORT_COUNT (sizeof exports / sizeof exports[0])

const struct origin_export *
origin_find (const void *name, size_t length)
{
  for (size_t i = 0; i < EXPORT_COUNT; i++)
    if (strlen (exports[i].name) == length &&
        memcmp (exports[i].name, name, length) == 0)
      return &exports[i];
  return NULL;
}

/* Their maps, which a name with a prefix opens. */
static struct origin_export maps[EXPORT_COUNT];

static void
make_maps (void)
{
  for (size_t i = 0; i < EXPORT_COUNT; i++)
    maps[i] = (struct origin_export){ .name = exports[i].name,
                                      .size = map_export_size (exports[i].size),
                                      .flags = FLAGS | NBD_FLAG_SEND_CACHE,
                                      .minimum = 1,
                                      .maximum = 1 << 25,
                                      .described = &exports[i] };
}

static const struct origin_export *
find_map (const void *name, size_t length)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  const size_t prefix = strlen (MAP_EXPORT_PREFIX);
  const struct origin_export *described;

  if (length < prefix || memcmp (name, MAP_EXPORT_PREFIX, prefix) != 0)
    return NULL;
  described = origin_find ((const char *) name + prefix, length - prefix);
  pthread_once (&once, make_maps);
  return described ? &maps[described - exports] : NULL;
}

static uint8_t
flags_at (const uint8_t *extents, size_t count, uint64_t offset)
{
  const uint64_t i = offset / ORIGIN_EXTENT;

  return extents[i < count ? i : count - 1];
}

/* A view has the disk's bytes. */
static uint8_t disk[DISK_SIZE];

static void
fill_disk (void)
{
  for (uint32_t i = 0; i < DISK_SIZE; i++)
    if ((flags_at (allocation, sizeof allocation, i) & 2) == 0)
      disk[i] = 1 + (i ^ i >> 8 ^ i >> 16) % 255;
}

const uint8_t *
origin_bytes (const struct origin_export *export, uint64_t offset)
{
  static const uint8_t zeroes[ORIGIN_EXTENT];
  static pthread_once_t once = PTHREAD_ONCE_INIT;

  pthread_once (&once, fill_disk);
  return export->zeroes ? zeroes : disk + offset;
}

bool
origin_fails (const struct origin_export *export, uint64_t offset,
              uint64_t length)
{
  const uint64_t first = 200000, last = 200063;

  return !export->zeroes && offset <= last && offset + length > first;
}

/* All of it; false: the relay is gone. */
static bool
receive (int fd, void *data, size_t length)
{
  return recv (fd, data, length, MSG_WAITALL) == (ssize_t) length;
}

static bool
send_all (int fd, const void *data, size_t length)
{
  const uint8_t *next = data;
  ssize_t r;

  for (; length > 0; next += r, length -= r) {
    r = send (fd, next, length, MSG_NOSIGNAL);
    if (r <= 0)
      return false;
  }
  return true;
}

static bool
reply (int fd, uint32_t option, uint32_t type, const void *data, size_t length)
{
  const struct nbd_option_reply header = { htobe64 (NBD_OPTION_REPLY_MAGIC),
                                           htobe32 (option), htobe32 (type),
                                           htobe32 (length) };

  return send_all (fd, &header, sizeof header) && send_all (fd, data, length);
}

static bool
list (int fd)
{
  for (size_t i = 0; i < EXPORT_COUNT; i++) {
    const uint32_t length = strlen (exports[i].name);
    char data[4 + 64];

    memcpy (data, &(uint32_t){ htobe32 (length) }, 4);
    memcpy (data + 4, exports[i].name, length);
    if (!reply (fd, NBD_OPT_LIST, NBD_REP_SERVER, data, 4 + length))
      return false;
  }
  return reply (fd, NBD_OPT_LIST, NBD_REP_ACK, NULL, 0);
}

static bool
info (int fd, uint32_t option, const struct origin_export *export)
{
  struct nbd_info_export size;
  struct nbd_info_block_size block_size;

  if (export == NULL)
    return reply (fd, option, NBD_REP_ERR_UNKNOWN, NULL, 0);
  size = (struct nbd_info_export){ htobe16 (NBD_INFO_EXPORT),
                                   htobe64 (export->size),
                                   htobe16 (export->flags) };
  block_size =
      (struct nbd_info_block_size){ htobe16 (NBD_INFO_BLOCK_SIZE),
                                    htobe32 (export->minimum), htobe32 (4096),
                                    htobe32 (export->maximum) };
  return reply (fd, option, NBD_REP_INFO, &size, sizeof size) &&
         reply (fd, option, NBD_REP_INFO, &block_size, sizeof block_size) &&
         reply (fd, option, NBD_REP_ACK, NULL, 0);
}

/* libnbd asks for base:allocation, and for nothing else. */
static bool
set_meta_context (int fd)
{
  static const char data[] = "\0\0\0\1base:allocation";

  return reply (fd, NBD_OPT_SET_META_CONTEXT, NBD_REP_META_CONTEXT, data,
                sizeof data - 1) &&
         reply (fd, NBD_OPT_SET_META_CONTEXT, NBD_REP_ACK, NULL, 0);
}

/* One option; the export once it is opened.  false: the end. */
static bool
answer_option (int fd, const struct origin_map *map,
               const struct origin_export **export)
{
  struct nbd_option_header header;
  uint8_t data[8192];
  uint32_t option, length, name_length;

  if (!receive (fd, &header, sizeof header))
    return false;
  option = be32toh (header.option);
  length = be32toh (header.length);
  must (length <= sizeof data, "the relay sends an option of %u bytes", length);
  if (length > 0 && !receive (fd, data, length))
    return false;

  switch (option) {
  case NBD_OPT_LIST:
    return list (fd);
  case NBD_OPT_INFO:
  case NBD_OPT_GO:
    memcpy (&name_length, data, sizeof name_length);
    name_length = be32toh (name_length);
    must (length >= 6 && name_length <= length - 6,
          "the relay asks for an export of a wrong length");
    *export = origin_find (data + 4, name_length);
    if (*export == NULL && map)
      *export = find_map (data + 4, name_length);
    if (!info (fd, option, *export))
      return false;
    if (option == NBD_OPT_INFO)
      *export = NULL;
    return true;
  case NBD_OPT_STRUCTURED_REPLY:
    return reply (fd, option, NBD_REP_ACK, NULL, 0);
  case NBD_OPT_SET_META_CONTEXT:
    return set_meta_context (fd);
  default:
    return reply (fd, option, NBD_REP_ERR_UNSUP, NULL, 0);
  }
}

static const struct origin_export *
negotiate (int fd, const struct origin_map *map)
{
  const struct nbd_greeting greeting = {
    htobe64 (NBD_MAGIC), htobe64 (NBD_OPTION_MAGIC),
    htobe16 (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)
  };
  const struct origin_export *export = NULL;
  uint32_t flags;

  if (!send_all (fd, &greeting, sizeof greeting) ||
      !receive (fd, &flags, sizeof flags))
    return NULL;
  while (export == NULL)
    if (!answer_option (fd, map, &export))
      return NULL;
  return export;
}

static bool
reply_simple (int fd, uint64_t cookie, uint32_t error)
{
  const struct nbd_simple_reply header = { htobe32 (NBD_SIMPLE_REPLY_MAGIC),
                                           htobe32 (error), cookie };

  return send_all (fd, &header, sizeof header);
}

static bool
reply_read (int fd, const struct origin_export *export,
            const struct nbd_request *request)
{
  const uint64_t offset = be64toh (request->offset);
  const uint32_t length = be32toh (request->length);
  uint32_t n;

  if (origin_fails (export, offset, length))
    return reply_simple (fd, request->cookie, NBD_EIO);
  if (!reply_simple (fd, request->cookie, NBD_SUCCESS))
    return false;
  for (uint32_t done = 0; done < length; done += n) {
    n = length - done < ORIGIN_EXTENT ? length - done : ORIGIN_EXTENT;
    if (!send_all (fd, origin_bytes (export, offset + done), n))
      return false;
  }
  return true;
}

/* Copies what lies at 'position' to where the bytes from 'offset' on go. */
static void
place (uint8_t *to, uint64_t offset, uint32_t length, uint64_t position,
       const void *bytes, size_t size)
{
  const uint64_t end = offset + length;

  for (size_t i = 0; i < size; i++)
    if (position + i >= offset && position + i < end)
      to[position + i - offset] = ((const uint8_t *) bytes)[i];
}

/* libnbd wants chunks. */
static bool
reply_read_map (int fd, const struct origin_export *export,
                const struct origin_map *map, const struct nbd_request *request)
{
  const struct map_export_header header = { htobe64 (MAP_EXPORT_MAGIC),
                                            htobe64 (export->described->size),
                                            htobe64 (MAP_SEGMENT_SIZE) };
  const size_t segments = export->size / MAP_EXPORT_STRIDE - 1;
  const uint64_t offset = be64toh (request->offset);
  const uint32_t length = be32toh (request->length);
  const struct nbd_chunk chunk = { htobe32 (NBD_STRUCTURED_REPLY_MAGIC),
                                   htobe16 (NBD_REPLY_FLAG_DONE),
                                   htobe16 (NBD_REPLY_TYPE_OFFSET_DATA),
                                   request->cookie,
                                   htobe32 (sizeof offset + length) };
  CLEANUP_FREE uint8_t *data = calloc (length, 1);

  must (data != NULL, "calloc");
  if (map->is_flawed)
    place (data, offset, length, 0, map->bytes, map->length);
  else
    place (data, offset, length, 0, &header, sizeof header);
  for (size_t i = 0; i < segments; i++)
    place (data, offset, length, (1 + i) * MAP_EXPORT_STRIDE,
           map->bytes + i * (map->length / segments), map->length / segments);
  return send_all (fd, &chunk, sizeof chunk) &&
         send_all (fd, &request->offset, sizeof request->offset) &&
         send_all (fd, data, length);
}

static bool
reply_block_status (int fd, const struct origin_export *export,
                    const struct nbd_request *request)
{
  enum { MOST = 8 }; /* so that the relay asks again */
  struct {
    struct nbd_chunk header;
    uint32_t context;
    struct nbd_block_descriptor extents[MOST];
  } NBD_PACKED wire;
  uint64_t offset = be64toh (request->offset);
  uint32_t left = be32toh (request->length), n, count = 0, length;

  for (; left > 0 && count < MOST; left -= n, offset += n) {
    n = ORIGIN_EXTENT - offset % ORIGIN_EXTENT;
    if (offset / ORIGIN_EXTENT + 1 >= export->extent_count || n > left)
      n = left;
    wire.extents[count++] = (struct nbd_block_descriptor){
      htobe32 (n),
      htobe32 (flags_at (export->extents, export->extent_count, offset))
    };
  }
  length = sizeof wire.context + count * sizeof wire.extents[0];
  wire.header = (struct nbd_chunk){ htobe32 (NBD_STRUCTURED_REPLY_MAGIC),
                                    htobe16 (NBD_REPLY_FLAG_DONE),
                                    htobe16 (NBD_REPLY_TYPE_BLOCK_STATUS),
                                    request->cookie, htobe32 (length) };
  wire.context = htobe32 (1);
  return send_all (fd, &wire, sizeof wire.header + length);
}

/* What the relay asks for is within the export, whatever the client asks. */
static void
check_range (const struct origin_export *export,
             const struct nbd_request *request)
{
  const uint64_t offset = be64toh (request->offset);
  const uint32_t length = be32toh (request->length);
  const uint16_t type = be16toh (request->type);

  must (request->flags == 0, "the relay sends flags 0x%x",
        be16toh (request->flags));
  must (length > 0 && offset < export->size && length <= export->size - offset,
        "the relay asks for %u bytes from %ju on", length, (uintmax_t) offset);
  must ((offset | length) % export->minimum == 0,
        "the relay asks for what is not aligned");
  must (type != NBD_CMD_READ || length <= export->maximum,
        "the relay reads %u bytes at once", length);
}

static bool
answer_request (int fd, const struct origin_export *export,
                const struct origin_map *map)
{
  struct nbd_request request;

  if (!receive (fd, &request, sizeof request))
    return false;
  must (be32toh (request.magic) == NBD_REQUEST_MAGIC,
        "the relay sends no request");
  switch (be16toh (request.type)) {
  case NBD_CMD_DISC:
    return false;
  case NBD_CMD_READ:
    check_range (export, &request);
    if (export->described)
      return reply_read_map (fd, export, map, &request);
    return reply_read (fd, export, &request);
  case NBD_CMD_CACHE:
    check_range (export, &request);
    must (export->flags & NBD_FLAG_SEND_CACHE, "the relay sends CACHE");
    return reply_simple (fd, request.cookie, NBD_SUCCESS);
  case NBD_CMD_BLOCK_STATUS:
    check_range (export, &request);
    must (export->described == NULL, "the relay asks for a map's extents");
    return reply_block_status (fd, export, &request);
  default:
    must (false, "the relay sends command %u", be16toh (request.type));
    return false;
  }
}

void
origin_serve (const void *opaque, unsigned number, int fd)
{
  const struct origin_map *map = opaque;
  const struct origin_export *export = negotiate (fd, map);

  (void) number;
  while (export && answer_request (fd, export, map))
    ;
}
