/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes out the bytes of a map export: what lies where is a matter of
 * arithmetic, so that any range of it can be read by itself. */

#include "config.h"

#include "plugin/map-export.h"

/* A range of the export that is wanted, the rest of it. */
struct wanted {
  char *buffer;
  uint64_t offset, end;
};

/* Takes what is wanted of 'length' bytes that lie at 'position', where the
 * range begins or before it. */
static void
take (struct wanted *wanted, uint64_t position, const void *bytes,
      uint64_t length)
{
  const uint64_t skipped = wanted->offset - position;
  uint64_t taken = wanted->end - wanted->offset;

  if (skipped >= length)
    return;
  if (taken > length - skipped)
    taken = length - skipped;
  memcpy (wanted->buffer, (const char *) bytes + skipped, taken);
  wanted->buffer += taken;
  wanted->offset += taken;
}

/* Up to a position, or as far as wanted. */
static void
take_zeroes (struct wanted *wanted, uint64_t until)
{
  const uint64_t end = until < wanted->end ? until : wanted->end;

  memset (wanted->buffer, 0, end - wanted->offset);
  wanted->buffer += end - wanted->offset;
  wanted->offset = end;
}

static void
take_header (struct wanted *wanted, uint64_t size)
{
  const struct map_export_header header = { htobe64 (MAP_EXPORT_MAGIC),
                                            htobe64 (size),
                                            htobe64 (MAP_SEGMENT_SIZE) };

  take (wanted, 0, &header, sizeof header);
}

static struct map_export_run
export_run (const struct map_run *run, const uint32_t *flags)
{
  return (struct map_export_run){
    htobe32 (run->end), htobe32 (flags[run->flags & MAP_EXPORT_FLAGS])
  };
}

/* The runs of a segment that lie at 'position', from the first one on that is
 * wanted: those that are wanted whole have no other work. */
static void
take_runs (struct wanted *wanted, uint64_t position, const struct map_run *runs,
           size_t count, const uint32_t *flags)
{
  const size_t size = sizeof (struct map_export_run);
  struct map_export_run run;

  for (size_t i = (wanted->offset - position) / size;
       i < count && wanted->offset < wanted->end; i++) {
    run = export_run (&runs[i], flags);
    take (wanted, position + i * size, &run, size);
    for (; i + 1 < count && wanted->end - wanted->offset >= size; i++) {
      run = export_run (&runs[i + 1], flags);
      memcpy (wanted->buffer, &run, size);
      wanted->buffer += size;
      wanted->offset += size;
    }
  }
}

/* 'position' is where the segment lies. */
static int
take_segment (struct wanted *wanted, uint64_t position, struct map *map,
              const uint32_t *flags)
{
  const uint64_t index = position / MAP_EXPORT_STRIDE - 1;
  const struct map_run *runs;
  const size_t count = map_segment (map, index, &runs);
  const uint64_t wire_count = htobe64 (count);

  if (count == 0)
    return -1;
  take (wanted, position, &wire_count, sizeof wire_count);
  if (wanted->offset < wanted->end)
    take_runs (wanted, position + sizeof wire_count, runs, count, flags);
  return 0;
}

int
map_export_read (struct map *map, uint64_t size,
                 const uint32_t flags[MAP_EXPORT_FLAGS + 1], void *buffer,
                 uint32_t count, uint64_t offset)
{
  struct wanted wanted = { buffer, offset, offset + count };

  while (wanted.offset < wanted.end) {
    const uint64_t position = wanted.offset - wanted.offset % MAP_EXPORT_STRIDE;

    if (position == 0)
      take_header (&wanted, size);
    else if (take_segment (&wanted, position, map, flags) == -1)
      return -1;
    take_zeroes (&wanted, position + MAP_EXPORT_STRIDE);
  }
  return 0;
}

int
map_export_cache (struct map *map, uint32_t count, uint64_t offset)
{
  const uint64_t end = offset + count;
  const struct map_run *runs;

  for (offset -= offset % MAP_EXPORT_STRIDE; offset < end;
       offset += MAP_EXPORT_STRIDE)
    if (offset > 0 &&
        map_segment (map, offset / MAP_EXPORT_STRIDE - 1, &runs) == 0)
      return -1;
  return 0;
}
