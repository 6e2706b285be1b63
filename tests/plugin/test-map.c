/* SPDX-License-Identifier: BSD-3-Clause */
/* The map against a plain list of runs: random queries from several threads,
 * while fetches come in pieces of any size and sometimes fail. */

#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/map.h"

#define THREADS  4
#define QUERIES  2500
#define SEGMENTS 6
/* The last segment is a short one, and odd. */
#define SIZE ((SEGMENTS - 1) * MAP_SEGMENT_SIZE + 123457)

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf (stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      exit (EXIT_FAILURE);                                                     \
    }                                                                          \
  } while (0)

/* The truth: equal neighbours are joined already. */
static struct map_extent truth[20000];
static size_t truth_count;

static atomic_int fetching[SEGMENTS];
static atomic_int fetched[SEGMENTS];
static atomic_int failures;

static uint64_t
random64 (unsigned *seed)
{
  return (uint64_t) rand_r (seed) << 42 ^ (uint64_t) rand_r (seed) << 21 ^
         (uint64_t) rand_r (seed);
}

static void
make_truth (void)
{
  unsigned seed = 42;
  uint64_t left = SIZE;
  uint32_t flags = 7;

  while (left > 0) {
    /* Mostly small runs, some that span several segments. */
    uint64_t length = rand_r (&seed) % 4000 == 0
                          ? 2 * MAP_SEGMENT_SIZE + 17
                          : 1 + random64 (&seed) % 2000000;

    if (length > left)
      length = left;
    CHECK (truth_count < sizeof truth / sizeof truth[0]);
    flags = (flags + 1 + rand_r (&seed) % 3) % 5;
    truth[truth_count].length = length;
    truth[truth_count].flags = flags;
    truth_count++;
    left -= length;
  }
}

/* The naive answer. */
static size_t
expected (uint64_t offset, uint64_t length, struct map_extent *answer,
          size_t max)
{
  uint64_t start = 0, end = offset + length;
  size_t count = 0;

  for (size_t i = 0; i < truth_count && count < max; i++) {
    uint64_t stop = start + truth[i].length;
    uint64_t from = start < offset ? offset : start;
    uint64_t to = stop > end ? end : stop;

    if (from < to) {
      answer[count].length = to - from;
      answer[count].flags = truth[i].flags;
      count++;
    }
    start = stop;
  }
  return count;
}

static int
fetch (void *opaque, uint64_t offset, uint64_t length,
       struct map_builder *builder)
{
  const size_t first = offset / MAP_SEGMENT_SIZE;
  const size_t last = (offset + length - 1) / MAP_SEGMENT_SIZE;
  unsigned seed = offset + atomic_load (&failures);
  const bool fails = atomic_fetch_add (&failures, 1) % 3 != 2;
  uint64_t start = 0, end = offset + length;

  CHECK (opaque == &fetching);
  CHECK (offset % MAP_SEGMENT_SIZE == 0);
  CHECK (end % MAP_SEGMENT_SIZE == 0 || end == SIZE);
  for (size_t i = first; i <= last; i++) {
    CHECK (atomic_fetch_add (&fetching[i], 1) == 0);
    CHECK (atomic_load (&fetched[i]) == 0);
  }
  if (fails)
    end = offset + random64 (&seed) % length;

  for (size_t i = 0; i < truth_count; i++) {
    uint64_t stop = start + truth[i].length;
    uint64_t from = start < offset ? offset : start;

    /* In pieces, the last of which reaches beyond what is asked for. */
    while (from < stop && from < end) {
      uint64_t piece = 1 + random64 (&seed) % 1000000000;

      if (piece > (fails && stop > end ? end : stop) - from)
        piece = (fails && stop > end ? end : stop) - from;
      CHECK (map_append (builder, piece, truth[i].flags) == 0);
      CHECK (map_append (builder, 0, truth[i].flags + 1) == 0);
      from += piece;
    }
    start = stop;
  }

  /* What is whole is there, whatever becomes of the rest. */
  for (size_t i = first; i <= last; i++) {
    if ((i + 1) * MAP_SEGMENT_SIZE <= end || end == SIZE)
      atomic_fetch_add (&fetched[i], 1);
    atomic_fetch_sub (&fetching[i], 1);
  }
  errno = EXDEV;
  return fails ? -1 : 0;
}

static void
query_and_compare (struct map *map, unsigned *seed)
{
  struct map_extent got[64], wanted[64], known[64];
  uint64_t offset = random64 (seed) % SIZE;
  uint64_t length =
      1 + random64 (seed) % (rand_r (seed) % 2 ? 10000000 : UINT64_C (1) << 33);
  size_t max = 1 + rand_r (seed) % 64;
  ssize_t count;

  if (rand_r (seed) % 8 == 0) /* around a border */
    offset = (offset / MAP_SEGMENT_SIZE) * MAP_SEGMENT_SIZE +
             rand_r (seed) % 3 - (offset >= MAP_SEGMENT_SIZE);
  if (length > SIZE - offset)
    length = SIZE - offset;

  do {
    count = map_query (map, offset, length, got, max);
    CHECK (count != -1 || errno == EXDEV);
  } while (count == -1);
  CHECK ((size_t) count == expected (offset, length, wanted, max));
  for (ssize_t i = 0; i < count; i++) {
    CHECK (got[i].length == wanted[i].length);
    CHECK (got[i].flags == wanted[i].flags);
  }
  CHECK (map_known (map, offset, length, known, max) == (size_t) count);
  for (ssize_t i = 0; i < count; i++) {
    CHECK (known[i].length == wanted[i].length);
    CHECK (known[i].flags == wanted[i].flags);
  }
}

static pthread_barrier_t start_line;

struct worker {
  pthread_t thread;
  struct map *map;
  unsigned seed;
};

static void *
work (void *opaque)
{
  struct worker *worker = opaque;

  pthread_barrier_wait (&start_line);
  for (int i = 0; i < QUERIES; i++)
    query_and_compare (worker->map, &worker->seed);
  return NULL;
}

static void
test_against_truth (void)
{
  struct worker workers[THREADS];
  struct map *map = map_new (SIZE, fetch, &fetching);

  CHECK (map != NULL);
  make_truth ();
  CHECK (pthread_barrier_init (&start_line, NULL, THREADS) == 0);
  for (unsigned i = 0; i < THREADS; i++) {
    workers[i].map = map;
    workers[i].seed = i;
    CHECK (pthread_create (&workers[i].thread, NULL, work, &workers[i]) == 0);
  }
  for (unsigned i = 0; i < THREADS; i++)
    CHECK (pthread_join (workers[i].thread, NULL) == 0);
  pthread_barrier_destroy (&start_line);

  for (size_t i = 0; i < SEGMENTS; i++)
    CHECK (fetched[i] == 1);
  /* Eight bytes a run, and what the table takes. */
  CHECK (map_memory (map) < 8 * truth_count + 10000);
  map_free (map);
}

static int
fetch_half (void *opaque, uint64_t offset, uint64_t length,
            struct map_builder *builder)
{
  (void) opaque;
  (void) offset;
  return map_append (builder, length / 2, 1);
}

static int
fetch_by_the_byte (void *opaque, uint64_t offset, uint64_t length,
                   struct map_builder *builder)
{
  (void) opaque;
  (void) offset;
  for (uint64_t i = 0; i < length; i++)
    if (map_append (builder, 1, i % 2) == -1)
      return -1;
  return 0;
}

static int
fetch_one_run (void *opaque, uint64_t offset, uint64_t length,
               struct map_builder *builder)
{
  (void) opaque;
  (void) offset;
  return map_append (builder, length, 5);
}

/* What is not there is not fetched. */
static void
test_known (void)
{
  const uint64_t border = MAP_SEGMENT_SIZE;
  struct map_extent extent;
  struct map *map = map_new (3 * border, fetch_one_run, NULL);

  CHECK (map != NULL);
  CHECK (map_known (map, 0, 10, &extent, 1) == 0);
  CHECK (map_query (map, border, 1, &extent, 1) == 1);
  CHECK (map_known (map, 0, 10, &extent, 1) == 0);
  CHECK (map_known (map, border - 1, 2, &extent, 1) == 0);
  CHECK (map_known (map, border + 5, 2 * border - 5, &extent, 1) == 1);
  CHECK (extent.length == border - 5 && extent.flags == 5);
  map_free (map);
}

/* A query that cannot be answered is an error, never an empty or short one. */
static void
test_broken_fetch (void)
{
  struct map_extent extent;
  struct map *map = map_new (1000000, fetch_half, NULL);

  CHECK (map != NULL);
  CHECK (map_query (map, 0, 10, &extent, 1) == -1 && errno == EPROTO);
  CHECK (map_query (map, 0, 10, &extent, 1) == -1 && errno == EPROTO);
  map_free (map);

  map = map_new (MAP_SEGMENT_SIZE, fetch_by_the_byte, NULL);
  CHECK (map != NULL);
  CHECK (map_query (map, 0, 10, &extent, 1) == -1 && errno == EFBIG);
  map_free (map);
}

/* What was asked of fetch_and_note, in segments. */
static uint64_t windows[64];
static size_t window_count;
static uint64_t runs_each = 1; /* in a segment */

static int
fetch_and_note (void *opaque, uint64_t offset, uint64_t length,
                struct map_builder *builder)
{
  const uint64_t run = MAP_SEGMENT_SIZE / runs_each;

  (void) opaque;
  CHECK (offset % MAP_SEGMENT_SIZE == 0 && length % MAP_SEGMENT_SIZE == 0);
  windows[window_count++] = length / MAP_SEGMENT_SIZE;
  for (uint64_t i = 0; i < length / run; i++)
    CHECK (map_append (builder, run, i % 2) == 0);
  return 0;
}

static void
check_windows (struct map *map, uint64_t first, uint64_t last,
               const uint64_t *wanted, size_t count)
{
  struct map_extent extent;

  window_count = 0;
  for (uint64_t i = first; i <= last; i++)
    CHECK (map_query (map, i * MAP_SEGMENT_SIZE + 5, 1, &extent, 1) == 1);
  CHECK (window_count == count);
  for (size_t i = 0; i < count; i++)
    CHECK (windows[i] == wanted[i]);
}

/* For a reader that goes along the map more and more is fetched ahead, up to a
 * limit, and nothing for one that jumps. */
static void
test_read_ahead (void)
{
  static const uint64_t walk[] = { 1, 1, 2, 4, 8, 16, 32, 32, 4 };
  static const uint64_t jump[] = { 1 }, up_to_known[] = { 1, 2, 3, 8 };
  static const uint64_t heavy[] = { 1, 1, 2, 3, 3 };
  struct map *map = map_new (100 * MAP_SEGMENT_SIZE, fetch_and_note, NULL);

  CHECK (map != NULL);
  check_windows (map, 0, 99, walk, 9);
  check_windows (map, 0, 99, NULL, 0);
  map_free (map);

  map = map_new (100 * MAP_SEGMENT_SIZE, fetch_and_note, NULL);
  CHECK (map != NULL);
  check_windows (map, 57, 57, jump, 1);
  check_windows (map, 50, 50, jump, 1);
  check_windows (map, 51, 59, up_to_known, 4);
  map_free (map);

  runs_each = 1 << 12;
  map = map_new (100 * MAP_SEGMENT_SIZE, fetch_and_note, NULL);
  CHECK (map != NULL);
  check_windows (map, 0, 9, heavy, 5);
  map_free (map);
}

/* The runs of a segment, as they are. */
static void
test_segment (void)
{
  const struct map_run *runs;
  struct map *map = map_new (MAP_SEGMENT_SIZE + 10, fetch_one_run, NULL);

  CHECK (map != NULL);
  CHECK (map_segment (map, 1, &runs) == 1);
  CHECK (runs[0].end == 10 && runs[0].flags == 5);
  CHECK (map_segment (map, 0, &runs) == 1);
  CHECK (runs[0].end == MAP_SEGMENT_SIZE && runs[0].flags == 5);
  map_free (map);

  map = map_new (10, fetch_half, NULL);
  CHECK (map != NULL);
  CHECK (map_segment (map, 0, &runs) == 0 && errno == EPROTO);
  map_free (map);
}

static void
test_extremes (void)
{
  const uint64_t huge = INT64_MAX;
  struct map_extent extent;
  struct map *map = map_new (huge, fetch_one_run, NULL);

  CHECK (map != NULL);
  CHECK (map_query (map, huge - 5, 5, &extent, 1) == 1);
  CHECK (extent.length == 5 && extent.flags == 5);
  CHECK (map_query (map, 0, UINT64_C (1) << 33, &extent, 1) == 1);
  CHECK (extent.length == UINT64_C (1) << 33 && extent.flags == 5);
  map_free (map);

  map = map_new (0, fetch_one_run, NULL);
  CHECK (map != NULL);
  map_free (map);
  map_free (NULL);
}

int
main (void)
{
  test_against_truth ();
  test_known ();
  test_broken_fetch ();
  test_read_ahead ();
  test_segment ();
  test_extremes ();
  return EXIT_SUCCESS;
}
