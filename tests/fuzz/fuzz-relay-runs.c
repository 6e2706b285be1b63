/* SPDX-License-Identifier: BSD-3-Clause */
/* libFuzzer's target for sets of bytes, beside an array with a flag for each
 * byte: the first byte of the input is the budget, then come groups of three,
 * what to do with which of two sets, an offset and a length. */

#include "config.h"

#include <string.h>

#include "plugin/relay/runs.h"
#include "tests/fuzz/fuzz.h"

/* Bytes in a set at most; more runs than are sorted in at once. */
#define SIZE (UINT8_MAX * 17 + UINT8_MAX + 1)

#define SECOND   1 /* which set */
#define REPEATED 2 /* what is added is added again and again, further on */

enum action { ADD, SETTLE, ADD_ALL, CLEAR, ACTIONS };

struct set {
  struct runs runs;
  bool truth[SIZE];
};

static atomic_size_t budget;

/* Byte by byte, and all at once. */
static void
check (struct set *set)
{
  struct runs *runs = &set->runs;
  uint64_t total = 0;
  size_t cursor = 0, again = 0;

  runs_settle (runs);
  for (size_t i = 0; i < SIZE; i++) {
    const bool has = runs_covered (runs, &cursor, i, i + 1);

    must (set->truth[i] || !has, "byte %zu was not added", i);
    must (has || !set->truth[i] || runs->forgot, "byte %zu is lost", i);
    total += has;
  }
  must (runs_total (runs) == total, "the total is not that of the bytes");
  must (runs_covered (runs, &again, 0, SIZE) == total,
        "nor is that of a range");
  for (size_t i = 1; i < runs->count; i++)
    must (runs->items[i - 1].end < runs->items[i].start,
          "runs %zu and %zu touch or overlap", i - 1, i);
}

static void
add (struct set *set, uint64_t offset, uint64_t length)
{
  runs_add (&set->runs, offset, length);
  memset (set->truth + offset, true, length);
}

static void
add_all (struct set *set, struct set *other)
{
  runs_add_all (&set->runs, &other->runs);
  for (size_t i = 0; i < SIZE; i++)
    set->truth[i] = set->truth[i] || other->truth[i];
}

static void
clear (struct set *set)
{
  runs_clear (&set->runs);
  memset (set->truth, false, sizeof set->truth);
}

static void
act (const uint8_t *bytes, struct set *sets)
{
  struct set *set = &sets[bytes[0] & SECOND];
  const uint64_t offset = bytes[1] * 17, length = 1 + bytes[2];

  switch ((enum action) (bytes[0] / 4 % ACTIONS)) {
  case ADD:
    add (set, offset, length);
    for (uint64_t next = offset; (bytes[0] & REPEATED) && next + length <= SIZE;
         next += length + 1)
      add (set, next, length);
    break;
  case SETTLE:
    check (set);
    break;
  case ADD_ALL:
    add_all (set, &sets[~bytes[0] & SECOND]);
    break;
  case CLEAR:
    clear (set);
    break;
  case ACTIONS:
    break;
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static struct set sets[2];
  size_t given;

  if (size == 0)
    return 0;
  given = data[0] * UINT64_C (32);
  budget = given;
  for (int i = 0; i < 2; i++) {
    runs_init (&sets[i].runs, &budget);
    memset (sets[i].truth, false, sizeof sets[i].truth);
  }
  for (size_t i = 1; i + 3 <= size && i < 300; i += 3)
    act (data + i, sets);
  for (int i = 0; i < 2; i++) {
    check (&sets[i]);
    clear (&sets[i]);
  }
  must (budget == given, "what was taken of the budget is not given back");
  return 0;
}
