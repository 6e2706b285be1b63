/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks by block status, which every server understands, one request after
 * another. */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "plugin/relay/source.h"
#include "plugin/relay/whole-blocks.h"

/* One block status request under way. */
struct answer {
  struct whole_blocks blocks;
  bool seen;
};

/* libnbd's callback: pairs of length and flags. */
static int
add_extents (void *opaque, const char *context, uint64_t offset,
             uint32_t *entries, size_t entry_count, int *error)
{
  struct answer *answer = opaque;

  (void) offset;
  if (strcmp (context, SOURCE_CONTEXT) != 0 || answer->seen)
    return 0;
  answer->seen = true;
  for (size_t i = 0; i + 1 < entry_count; i += 2)
    if (whole_blocks_add (&answer->blocks, entries[i], entries[i + 1]) == -1) {
      *error = ENOMEM;
      return -1;
    }
  return 0;
}

/* One request; how many bytes it told about is in *covered. */
static int
ask (struct source *source, uint64_t offset, uint64_t length,
     struct map_builder *builder, uint64_t *covered)
{
  struct answer answer = { .blocks = { .builder = builder,
                                       .minimum = source->minimum } };
  int64_t command;

  command = nbd_aio_block_status (
      source->nbd, length, offset,
      (nbd_extent_callback){ .callback = add_extents, .user_data = &answer },
      NBD_NULL_COMPLETION, 0);
  if (source_wait (source, command) == -1) {
    source_disconnect (source);
    return -1;
  }
  if (whole_blocks_end (&answer.blocks) == -1)
    return source_report (source, strerror (errno));
  if (answer.blocks.covered == 0)
    return source_report (source, "upstream's answer is empty");
  *covered = answer.blocks.covered < length ? answer.blocks.covered : length;
  return 0;
}

int
source_ask (struct source *source, uint64_t offset, uint64_t length,
            struct map_builder *builder)
{
  uint64_t covered = 0, tail;

  /* Nothing is fetched ahead: it would have to be waited for. */
  if (length > MAP_SEGMENT_SIZE)
    length = MAP_SEGMENT_SIZE;
  /* Less than a block at the export's end, which no request reaches. */
  tail = length % source->minimum;

  for (length -= tail; length > 0; offset += covered, length -= covered)
    if (ask (source, offset, length, builder, &covered) == -1)
      return -1;
  return map_append (builder, tail, 0) == -1
             ? source_report (source, strerror (errno))
             : 0;
}
