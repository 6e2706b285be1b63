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

/* How much is fetched ahead of a reader at most, in segments, and about how
 * many runs these may have: what a fetch keeps in memory meanwhile goes with
 * them. */
#define WINDOW_SEGMENTS 32
#define WINDOW_RUNS     16384

struct segment {
  size_t count;
  struct map_run runs[];
};

struct table {
  _Atomic (struct segment *) segments[SEGMENTS_PER_TABLE];
};

struct map {
  uint64_t size;
  map_fetch fetch;
  void *opaque;
  atomic_size_t memory;
  atomic_size_t recent_runs; /* of the segment that was fetched last */
  pthread_mutex_t lock;      /* for changes of the tables */
  pthread_cond_t finished;   /* a fetch ended, one way or the other */
  size_t table_count;
  _Atomic (struct table *) tables[];
};

/* The segments from 'index' to below 'end' are this builder's to fill, and
 * stand in the table as being fetched; 'index' is the one in the making. */
struct map_builder {
  struct map *map;
  uint64_t index, end;
  uint64_t position, length; /* in the segment, and of it */
  struct segment *segment;
  size_t allocated; /* runs */
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
  return sizeof (struct segment) + runs * sizeof (struct map_run);
}

/* Room for one more run: at first for as many as another segment had, so that
 * most are not copied while they grow. */
static int
grow (struct map_builder *builder)
{
  size_t wanted = builder->allocated
                      ? builder->allocated * 2
                      : atomic_load (&builder->map->recent_runs) + 4;
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

/* Bytes that segment 'index' has. */
static uint64_t
segment_length (const struct map *map, uint64_t index)
{
  const uint64_t left = map->size - index * MAP_SEGMENT_SIZE;

  return left < MAP_SEGMENT_SIZE ? left : MAP_SEGMENT_SIZE;
}

/* A run within the segment in the making. */
static int
append_run (struct map_builder *builder, uint64_t length, uint32_t flags)
{
  struct segment *segment = builder->segment;

  if (segment && segment->runs[segment->count - 1].flags == flags) {
    builder->position += length;
    segment->runs[segment->count - 1].end = builder->position;
    return 0;
  }
  if (grow (builder) == -1)
    return -1;
  segment = builder->segment;
  builder->position += length;
  segment->runs[segment->count++] =
      (struct map_run){ .end = builder->position, .flags = flags };
  return 0;
}

/* Segment 'index' if a fetch of it was begun or is over, without a lock. */
static struct segment *
peek_slot (struct map *map, uint64_t index)
{
  struct table *table = atomic_load (&map->tables[index / SEGMENTS_PER_TABLE]);

  return table ? atomic_load (&table->segments[index % SEGMENTS_PER_TABLE])
               : NULL;
}

/* The place of segment 'index'; NULL: out of memory.  The lock is held. */
static _Atomic (struct segment *) *
find_slot (struct map *map, uint64_t index)
{
  _Atomic (struct table *) *place = &map->tables[index / SEGMENTS_PER_TABLE];
  struct table *table = atomic_load (place);

  if (table == NULL) {
    table = calloc (1, sizeof *table);
    if (table == NULL)
      return NULL;
    atomic_fetch_add (&map->memory, sizeof *table);
    atomic_store (place, table);
  }
  return &table->segments[index % SEGMENTS_PER_TABLE];
}

/* The segment is whole.  Who waits for it is woken when all of the window is:
 * many wait for one window, and each would look for its own many times. */
static void
publish (struct map_builder *builder)
{
  struct map *map = builder->map;
  /* What is left over of the doubling would stay for the map's life. */
  struct segment *segment =
      realloc (builder->segment, segment_memory (builder->segment->count));

  if (segment == NULL)
    segment = builder->segment;
  atomic_fetch_add (&map->memory, segment_memory (segment->count));
  atomic_store (&map->recent_runs, segment->count);
  builder->segment = NULL;
  builder->allocated = 0;
  builder->position = 0;

  LOCK_IN_SCOPE (&map->lock);
  atomic_store (find_slot (map, builder->index++), segment);
  if (builder->index < builder->end)
    builder->length = segment_length (map, builder->index);
}

int
map_append (struct map_builder *builder, uint64_t length, uint32_t flags)
{
  while (length > 0 && builder->index < builder->end) {
    const uint64_t left = builder->length - builder->position;
    const uint64_t piece = length < left ? length : left;

    if (append_run (builder, piece, flags) == -1)
      return -1;
    length -= piece;
    if (piece == left)
      publish (builder);
  }
  return 0;
}

/* How many segments are fetched at once from 'index' on: as many as are there
 * already right before it, so that who asks for a byte gets one segment, and
 * for who walks along the map it is fetched ahead. */
static uint64_t
window_at (struct map *map, uint64_t index)
{
  const uint64_t few = WINDOW_RUNS / (atomic_load (&map->recent_runs) + 1);
  uint64_t most = few < WINDOW_SEGMENTS ? few : WINDOW_SEGMENTS, behind = 0;

  while (behind < most && behind < index &&
         peek_slot (map, index - behind - 1) != NULL)
    behind++;
  return behind > 0 ? behind : 1;
}

/* Takes the segments from 'index' on that nobody has and nobody fetches, up to
 * the window's size.  -1: out of memory, not even the first one.  The lock is
 * held. */
static int
take_window (struct map *map, uint64_t index, struct map_builder *builder)
{
  const uint64_t window = window_at (map, index);
  const uint64_t count =
      map->size / MAP_SEGMENT_SIZE + (map->size % MAP_SEGMENT_SIZE != 0);

  *builder = (struct map_builder){ .map = map,
                                   .index = index,
                                   .end = index,
                                   .length = segment_length (map, index) };
  while (builder->end < count && builder->end - index < window) {
    _Atomic (struct segment *) *slot = find_slot (map, builder->end);

    if (slot == NULL || atomic_load (slot) != NULL)
      break;
    atomic_store (slot, &being_fetched);
    builder->end++;
  }
  return builder->end > index ? 0 : -1;
}

/* Waits while another thread fetches the segment.  Returns it, or NULL if a
 * window that begins with it is now the caller's to fetch, or else errno. */
static struct segment *
claim (struct map *map, uint64_t index, struct map_builder *builder)
{
  struct segment *segment;

  LOCK_IN_SCOPE (&map->lock);
  while ((segment = peek_slot (map, index)) == &being_fetched)
    pthread_cond_wait (&map->finished, &map->lock);
  if (segment == NULL && take_window (map, index, builder) == -1)
    builder->end = index;
  return segment;
}

/* What was not filled is anybody's again. */
static void
leave_window (struct map_builder *builder)
{
  free (builder->segment);
  LOCK_IN_SCOPE (&builder->map->lock);
  for (uint64_t index = builder->index; index < builder->end; index++)
    atomic_store (find_slot (builder->map, index), NULL);
  pthread_cond_broadcast (&builder->map->finished);
}

/* NULL: see map_query. */
static struct segment *
get_segment (struct map *map, uint64_t index)
{
  struct segment *segment = peek_slot (map, index);
  struct map_builder builder;
  uint64_t offset, last;
  int saved_errno;

  if (segment && segment != &being_fetched)
    return segment;
  segment = claim (map, index, &builder);
  if (segment || builder.end == index)
    return segment;

  offset = index * MAP_SEGMENT_SIZE;
  last = builder.end - 1;
  if (map->fetch (map->opaque, offset,
                  last * MAP_SEGMENT_SIZE + segment_length (map, last) - offset,
                  &builder) == 0)
    errno = EPROTO;
  saved_errno = errno;
  leave_window (&builder);
  errno = saved_errno;
  segment = peek_slot (map, index);
  return builder.index > index ? segment : NULL;
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

/* Segment 'index' if it is there. */
static struct segment *
peek_segment (struct map *map, uint64_t index)
{
  struct segment *segment = peek_slot (map, index);

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

size_t
map_segment (struct map *map, uint64_t index, const struct map_run **runs)
{
  const struct segment *segment = get_segment (map, index);

  if (segment == NULL)
    return 0;
  *runs = segment->runs;
  return segment->count;
}
