/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the map from where the plugin has it as bytes, many segments at a time.
 * What is read is believed no more than any other word of the server's: counts
 * and ends are checked before use, and what is kept of it is a map. */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "plugin/map-export.h"
#include "plugin/relay/source.h"
#include "plugin/relay/whole-blocks.h"

/* How much of a segment is read before it is known how long it is, while
 * nothing is known of others. */
#define FIRST_READ 16384

/* All that is read at a time has room in so many bytes. */
#define BUFFER_SIZE (1 << 20)

/* More are never fetched at a time. */
#define MAX_SEGMENTS 64

/* What upstream prepares at a time, of as many segments as are read at a time:
 * one that QEMU is asked about, while another is made of what it answered to
 * the question before, and one that waits, so that neither does. */
#define WINDOWS_AHEAD 3

#define WIRE_COUNT_SIZE sizeof (uint64_t)

bool
source_check_map (struct source *source)
{
  struct map_export_header header;

  if (source_wait (source, nbd_aio_pread (source->nbd, &header, sizeof header,
                                          0, NBD_NULL_COMPLETION, 0)) == -1) {
    source_disconnect (source);
    return false;
  }
  if (be64toh (header.magic) == MAP_EXPORT_MAGIC &&
      be64toh (header.size) == source->size &&
      be64toh (header.segment_size) == MAP_SEGMENT_SIZE)
    return true;
  source_report (source, "upstream has a map of it in a form that is not known "
                         "here, and is asked by block status");
  return false;
}

/* A segment that comes in. */
struct segment {
  uint64_t position;    /* in the map export: what was not read of it */
  uint64_t runs_left;   /* not taken yet */
  uint64_t length, end; /* in bytes: of all it describes, of what was taken */
};

static int
not_a_map (const struct source *source)
{
  return source_report (source, "upstream's map of it is not one");
}

/* Adds runs to the map, of which the last one of all ends where the segment
 * does. */
static int
take_runs (const struct source *source, struct segment *segment,
           const uint8_t *bytes, size_t count, struct whole_blocks *blocks)
{
  struct map_export_run run;

  for (size_t i = 0; i < count; i++) {
    memcpy (&run, bytes + i * sizeof run, sizeof run);
    run.end = be32toh (run.end);
    run.flags = be32toh (run.flags);
    segment->runs_left--;
    if (run.end <= segment->end || run.end > segment->length ||
        (run.end == segment->length) != (segment->runs_left == 0) ||
        run.flags > MAP_EXPORT_FLAGS)
      return not_a_map (source);
    if (whole_blocks_add (blocks, run.end - segment->end, run.flags) == -1)
      return source_report (source, strerror (errno));
    segment->end = run.end;
  }
  segment->position += count * sizeof run;
  return 0;
}

/* Takes the beginning of a segment, as much as 'bytes' has of it. */
static int
begin_segment (struct source *source, struct segment *segment,
               const uint8_t *bytes, size_t size, struct whole_blocks *blocks)
{
  uint64_t count,
      there = (size - WIRE_COUNT_SIZE) / sizeof (struct map_export_run);

  memcpy (&count, bytes, WIRE_COUNT_SIZE);
  count = be64toh (count);
  if (count == 0 || count > MAP_SEGMENT_RUNS)
    return not_a_map (source);
  segment->runs_left = count;
  segment->position += WIRE_COUNT_SIZE;
  source->segment_bytes =
      WIRE_COUNT_SIZE + count * sizeof (struct map_export_run);
  return take_runs (source, segment, bytes + WIRE_COUNT_SIZE,
                    count < there ? count : there, blocks);
}

/* Reads what is left of it, by a buffer of that many bytes. */
static int
end_segment (struct source *source, struct segment *segment, uint8_t *buffer,
             size_t size, struct whole_blocks *blocks)
{
  while (segment->runs_left > 0) {
    const size_t room = size / sizeof (struct map_export_run);
    const size_t count = segment->runs_left < room ? segment->runs_left : room;

    if (source_wait (source,
                     nbd_aio_pread (source->nbd, buffer,
                                    count * sizeof (struct map_export_run),
                                    segment->position, NBD_NULL_COMPLETION,
                                    0)) == -1 ||
        take_runs (source, segment, buffer, count, blocks) == -1)
      return -1;
  }
  return 0;
}

static int
end_reading_ahead (void *opaque, int *error)
{
  struct source *source = opaque;

  /* Whether it went well shows when it is read. */
  (void) error;
  source->windows_ahead--;
  return 1;
}

/* Lets upstream prepare so many segments. */
static bool
prepare (struct source *source, uint64_t index, size_t count)
{
  const uint64_t end = map_export_size (source->size);
  const uint64_t position = (1 + index) * MAP_EXPORT_STRIDE;
  uint64_t length = count * MAP_EXPORT_STRIDE;

  if (position >= end)
    return false;
  if (length > end - position)
    length = end - position;
  if (nbd_aio_cache (source->nbd, length, position,
                     (nbd_completion_callback){ .callback = end_reading_ahead,
                                                .user_data = source },
                     0) == -1)
    return false;
  source->windows_ahead++;
  return true;
}

/* Lets upstream prepare what will be asked for next, once it has sent the
 * 'count' segments before 'index', which it has just been asked for. */
static void
read_ahead (struct source *source, uint64_t index, size_t count)
{
  if (source->next_ahead < index ||
      source->next_ahead > index + WINDOWS_AHEAD * MAX_SEGMENTS)
    source->next_ahead = index;
  /* Replies may have come meanwhile. */
  if (nbd_can_cache (source->nbd) != 1 ||
      (source->windows_ahead > 0 && nbd_poll (source->nbd, 0) == -1))
    return;
  while (source->windows_ahead < WINDOWS_AHEAD &&
         source->next_ahead < index + WINDOWS_AHEAD * count &&
         prepare (source, source->next_ahead, count))
    source->next_ahead += count;
}

/* Asks for the beginnings of so many segments, each in 'size' bytes. */
static void
send_reads (struct source *source, uint64_t index, size_t count,
            uint8_t *buffer, size_t size, int64_t *commands)
{
  for (size_t i = 0; i < count; i++)
    commands[i] = nbd_aio_pread (source->nbd, buffer + i * size, size,
                                 (1 + index + i) * MAP_EXPORT_STRIDE,
                                 NBD_NULL_COMPLETION, 0);
}

static int
receive_segments (struct source *source, uint64_t index, size_t count,
                  uint8_t *buffer, size_t size, const int64_t *commands,
                  struct whole_blocks *blocks)
{
  for (size_t i = 0; i < count; i++, index++) {
    const uint64_t left = source->size - index * MAP_SEGMENT_SIZE;
    struct segment segment = {
      .position = (1 + index) * MAP_EXPORT_STRIDE,
      .length = left < MAP_SEGMENT_SIZE ? left : MAP_SEGMENT_SIZE,
    };

    if (source_wait (source, commands[i]) == -1 ||
        begin_segment (source, &segment, buffer + i * size, size, blocks) ==
            -1 ||
        end_segment (source, &segment, buffer + i * size, size, blocks) == -1)
      return -1;
  }
  return 0;
}

int
source_read_map (struct source *source, uint64_t offset, uint64_t length,
                 struct map_builder *builder)
{
  const uint64_t index = offset / MAP_SEGMENT_SIZE;
  size_t count = (length + MAP_SEGMENT_SIZE - 1) / MAP_SEGMENT_SIZE, size;
  struct whole_blocks blocks = { .builder = builder,
                                 .minimum = source->minimum };
  CLEANUP_FREE uint8_t *buffer = NULL;
  int64_t commands[MAX_SEGMENTS];

  if (count > MAX_SEGMENTS)
    count = MAX_SEGMENTS;
  size = source->segment_bytes ? source->segment_bytes : FIRST_READ;
  size = (size + 4095) & ~(size_t) 4095;
  if (size > BUFFER_SIZE / count)
    size = BUFFER_SIZE / count;
  buffer = malloc (count * size);
  if (buffer == NULL)
    return source_report (source, strerror (errno));

  send_reads (source, index, count, buffer, size, commands);
  if (index > 0 && index == source->next_read)
    read_ahead (source, index + count, count);
  source->next_read = index + count;
  if (receive_segments (source, index, count, buffer, size, commands,
                        &blocks) == -1) {
    source_disconnect (source);
    return -1;
  }
  return whole_blocks_end (&blocks) == -1
             ? source_report (source, strerror (errno))
             : 0;
}
