/* SPDX-License-Identifier: BSD-3-Clause */
/* The run-length map: a table of segments on two levels, each segment an array
 * of runs that never changes once published, so that readers take no lock.  The
 * map owns the table and the segments. */

#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "plugin/map.h"

/* A table covers 2 TiB in 8 KiB, and is there only if one of its segments is:
 * even an export of 2^63 bytes starts with less than 34 MB of addresses. */
#define SEGMENTS_PER_TABLE 1024

/* Ends are relative to the segment, which is why they fit in 32 bits. */
struct run {
  uint32_t end;
  uint32_t flags;
};

struct segment {
  size_t count;
  struct run runs[];
};

struct table {
  _Atomic (struct segment *) segments[SEGMENTS_PER_TABLE];
};

struct map {
  uint64_t size;
  map_fetch fetch;
  void *opaque;
  atomic_size_t memory;
  pthread_mutex_t lock;    /* for changes of the tables */
  pthread_cond_t finished; /* a fetch ended, one way or the other */
  size_t table_count;
  _Atomic (struct table *) tables[];
};

struct map_builder {
  struct segment *segment;
  size_t allocated; /* runs */
  uint64_t position;
  uint64_t length;
};

/* Stands in the table for a segment that some thread is fetching. */
static struct segment being_fetched;

struct map *
map_new (uint64_t size, map_fetch fetch, void *opaque)
{
  const uint64_t covered = MAP_SEGMENT_SIZE * SEGMENTS_PER_TABLE;
  size_t count = size / covered + (size % covered != 0);
  struct map *map;

  map = calloc (1, sizeof *map + count * sizeof map->tables[0]);
  if (map == NULL)
    return NULL;
  map->size = size;
  map->fetch = fetch;
  map->opaque = opaque;
  map->memory = sizeof *map + count * sizeof map->tables[0];
  map->table_count = count;
  pthread_mutex_init (&map->lock, NULL);
  pthread_cond_init (&map->finished, NULL);
  return map;
}

void
map_free (struct map *map)
{
  if (map == NULL)
    return;
  for (size_t i = 0; i < map->table_count; i++) {
    struct table *table = map->tables[i];

    if (table == NULL)
      continue;
    for (size_t j = 0; j < SEGMENTS_PER_TABLE; j++)
      free (table->segments[j]);
    free (table);
  }
  pthread_cond_destroy (&map->finished);
  pthread_mutex_destroy (&map->lock);
  free (map);
}

size_t
map_memory (struct map *map)
{
  return map->memory;
}

static size_t
segment_memory (size_t runs)
{
  return sizeof (struct segment) + runs * sizeof (struct run);
}

/* Room for one more run. */
static int
grow (struct map_builder *builder)
{
  size_t wanted = builder->allocated ? builder->allocated * 2 : 4;
  size_t count = builder->segment ? builder->segment->count : 0;
  struct segment *segment;

  if (count < builder->allocated)
    return 0;
  if (count >= MAP_SEGMENT_RUNS) {
    errno = EFBIG;
    return -1;
  }
  segment = realloc (builder->segment, segment_memory (wanted));
  if (segment == NULL)
    return -1;
  segment->count = count;
  builder->segment = segment;
  builder->allocated = wanted;
  return 0;
}

int
map_append (struct map_builder *builder, uint64_t length, uint32_t flags)
{
  struct segment *segment;

  if (length > builder->length - builder->position)
    length = builder->length - builder->position;
  if (length == 0)
    return 0;

  segment = builder->segment;
  if (segment && segment->runs[segment->count - 1].flags == flags) {
    builder->position += length;
    segment->runs[segment->count - 1].end = builder->position;
    return 0;
  }

  if (grow (builder) == -1)
    return -1;
  segment = builder->segment;
  builder->position += length;
  segment->runs[segment->count].end = builder->position;
  segment->runs[segment->count].flags = flags;
  segment->count++;
  return 0;
}

/* Fetches segment 'index' whole.  NULL: see map_query. */
static struct segment *
build_segment (struct map *map, uint64_t index)
{
  uint64_t offset = index * MAP_SEGMENT_SIZE;
  struct map_builder builder = { .length = MAP_SEGMENT_SIZE };
  struct segment *segment;

  if (builder.length > map->size - offset)
    builder.length = map->size - offset;

  if (map->fetch (map->opaque, offset, builder.length, &builder) == -1) {
    free (builder.segment);
    return NULL;
  }
  if (builder.position < builder.length) {
    free (builder.segment);
    errno = EPROTO;
    return NULL;
  }

  /* What is left over of the doubling would stay for the map's life. */
  segment = realloc (builder.segment, segment_memory (builder.segment->count));
  if (segment == NULL)
    segment = builder.segment;
  atomic_fetch_add (&map->memory, segment_memory (segment->count));
  return segment;
}

/* The place of segment 'index'; NULL: out of memory. */
static _Atomic (struct segment *) *
find_slot (struct map *map, uint64_t index)
{
  _Atomic (struct table *) *place = &map->tables[index / SEGMENTS_PER_TABLE];
  struct table *table = atomic_load (place);

  if (table == NULL) {
    LOCK_IN_SCOPE (&map->lock);

    table = atomic_load (place);
    if (table == NULL) {
      table = calloc (1, sizeof *table);
      if (table == NULL)
        return NULL;
      atomic_fetch_add (&map->memory, sizeof *table);
      atomic_store (place, table);
    }
  }
  return &table->segments[index % SEGMENTS_PER_TABLE];
}

/* Waits while another thread fetches the segment.  Returns it, or NULL if it is
 * now the caller's to fetch. */
static struct segment *
claim (struct map *map, _Atomic (struct segment *) *slot)
{
  struct segment *segment;

  LOCK_IN_SCOPE (&map->lock);
  while ((segment = atomic_load (slot)) == &being_fetched)
    pthread_cond_wait (&map->finished, &map->lock);
  if (segment == NULL)
    atomic_store (slot, &being_fetched);
  return segment;
}

static struct segment *
get_segment (struct map *map, uint64_t index)
{
  _Atomic (struct segment *) *slot = find_slot (map, index);
  struct segment *segment;
  int saved_errno;

  if (slot == NULL)
    return NULL;
  segment = atomic_load (slot);
  if (segment && segment != &being_fetched)
    return segment;

  segment = claim (map, slot);
  if (segment)
    return segment;

  segment = build_segment (map, index);
  saved_errno = errno;
  {
    LOCK_IN_SCOPE (&map->lock);

    atomic_store (slot, segment);
    pthread_cond_broadcast (&map->finished);
  }
  errno = saved_errno;
  return segment;
}

/* The first run that ends after 'position', which lies in the segment. */
static size_t
find_run (const struct segment *segment, uint64_t position)
{
  size_t low = 0, high = segment->count - 1;

  while (low < high) {
    size_t middle = low + (high - low) / 2;

    if (segment->runs[middle].end > position)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/* An answer in the making. */
struct answer {
  struct map_extent *extents;
  size_t count;
  size_t max;
};

/* False if the answer is full. */
static bool
add_extent (struct answer *answer, uint64_t length, uint32_t flags)
{
  if (answer->count > 0 && answer->extents[answer->count - 1].flags == flags) {
    answer->extents[answer->count - 1].length += length;
    return true;
  }
  if (answer->count == answer->max)
    return false;
  answer->extents[answer->count].length = length;
  answer->extents[answer->count].flags = flags;
  answer->count++;
  return true;
}

/* Segment 'index' if it is there, without a lock. */
static struct segment *
peek_segment (struct map *map, uint64_t index)
{
  struct table *table = atomic_load (&map->tables[index / SEGMENTS_PER_TABLE]);
  struct segment *segment =
      table ? atomic_load (&table->segments[index % SEGMENTS_PER_TABLE]) : NULL;

  return segment == &being_fetched ? NULL : segment;
}

/* Adds the range's extents to the answer.  -1: 'get' had no segment; what came
 * before is in the answer. */
static int
collect (struct map *map, uint64_t offset, uint64_t length,
         struct segment *(*get) (struct map *, uint64_t), struct answer *answer)
{
  const uint64_t end = offset + length;

  while (offset < end) {
    uint64_t start = offset - offset % MAP_SEGMENT_SIZE;
    const struct segment *segment = get (map, start / MAP_SEGMENT_SIZE);

    if (segment == NULL)
      return -1;
    for (size_t i = find_run (segment, offset - start);
         i < segment->count && offset < end; i++) {
      uint64_t run_end = start + segment->runs[i].end;

      if (run_end > end)
        run_end = end;
      if (!add_extent (answer, run_end - offset, segment->runs[i].flags))
        return 0;
      offset = run_end;
    }
  }
  return 0;
}

ssize_t
map_query (struct map *map, uint64_t offset, uint64_t length,
           struct map_extent *extents, size_t max_extents)
{
  struct answer answer = { .extents = extents, .max = max_extents };

  if (collect (map, offset, length, get_segment, &answer) == -1)
    return -1;
  return answer.count;
}

size_t
map_known (struct map *map, uint64_t offset, uint64_t length,
           struct map_extent *extents, size_t max_extents)
{
  struct answer answer = { .extents = extents, .max = max_extents };

  collect (map, offset, length, peek_segment, &answer);
  return answer.count;
}
