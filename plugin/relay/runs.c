/* SPDX-License-Identifier: BSD-3-Clause */
/* A set of bytes: a sorted array of runs, and a buffer of those that came last,
 * which are sorted in all at once. */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/relay/runs.h"

/* So many at once make sorting in cheap: the array is moved once for all. */
#define MAX_PENDING 1024

/* The first allocation of the array. */
#define MIN_ITEMS 16

bool
budget_take (atomic_size_t *budget, size_t wanted)
{
  size_t left = atomic_load (budget);

  do {
    if (left < wanted)
      return false;
  } while (!atomic_compare_exchange_weak (budget, &left, left - wanted));
  return true;
}

void
runs_init (struct runs *runs, atomic_size_t *budget)
{
  *runs = (struct runs){ .budget = budget };
}

void
runs_clear (struct runs *runs)
{
  atomic_fetch_add (runs->budget, runs->allocated);
  free (runs->items);
  free (runs->pending);
  runs_init (runs, runs->budget);
}

/* Room for 'more' items. */
static bool
make_room (struct runs *runs, size_t more)
{
  size_t wanted = runs->allocated ? runs->allocated : MIN_ITEMS;
  struct byte_run *items;

  if (runs->count + more <= runs->allocated)
    return true;
  while (wanted < runs->count + more)
    wanted *= 2;
  if (!budget_take (runs->budget, wanted - runs->allocated))
    return false;
  items = reallocarray (runs->items, wanted, sizeof *items);
  if (items == NULL) {
    atomic_fetch_add (runs->budget, wanted - runs->allocated);
    return false;
  }
  runs->items = items;
  runs->allocated = wanted;
  return true;
}

static int
compare (const void *a, const void *b)
{
  const struct byte_run *one = a, *other = b;

  return (one->start > other->start) - (one->start < other->start);
}

/* Joins what touches or overlaps, of runs that ascend by their start; returns
 * how many are left. */
static size_t
join (struct byte_run *items, size_t count)
{
  size_t last = 0;

  for (size_t i = 1; i < count; i++)
    if (items[i].start > items[last].end)
      items[++last] = items[i];
    else if (items[i].end > items[last].end)
      items[last].end = items[i].end;
  return count ? last + 1 : 0;
}

/* Moves the items that are above the lowest of 'added' up, and those between
 * them; returns where the lowest one went. */
static size_t
interleave (struct runs *runs, const struct byte_run *added, size_t count)
{
  size_t place = runs->count + count, old = runs->count;

  while (count > 0) {
    place--;
    if (old > 0 && runs->items[old - 1].start > added[count - 1].start)
      runs->items[place] = runs->items[--old];
    else
      runs->items[place] = added[--count];
  }
  return place;
}

/* Where there is no room for another run: what touches one that is there makes
 * that longer, so that who reads all of it in order is remembered. */
static void
lengthen (struct runs *runs, const struct byte_run *added, size_t count)
{
  size_t i = 0;

  for (; count > 0; added++, count--) {
    struct byte_run *run;

    while (i < runs->count && runs->items[i].end < added->start)
      i++;
    if (i == runs->count || runs->items[i].start > added->end) {
      runs->forgot = true;
      continue;
    }
    run = &runs->items[i];
    if (added->start < run->start)
      run->start = added->start;
    if (added->end > run->end)
      run->end = added->end;
  }
  runs->count = join (runs->items, runs->count);
}

void
runs_settle (struct runs *runs)
{
  size_t count = runs->pending_count, from;

  if (count == 0)
    return;
  runs->pending_count = 0;
  qsort (runs->pending, count, sizeof *runs->pending, compare);
  count = join (runs->pending, count);
  if (!make_room (runs, count)) {
    lengthen (runs, runs->pending, count);
    return;
  }
  from = interleave (runs, runs->pending, count);
  /* The one below may reach into the first that was added. */
  from -= from > 0;
  runs->count = from + join (runs->items + from, runs->count + count - from);
}

void
runs_add (struct runs *runs, uint64_t offset, uint64_t length)
{
  const struct byte_run added = { offset, offset + length };
  struct byte_run *last;

  if (runs->pending == NULL)
    runs->pending = calloc (MAX_PENDING, sizeof *runs->pending);
  if (runs->pending == NULL) {
    runs->forgot = true;
    return;
  }
  last = runs->pending_count ? &runs->pending[runs->pending_count - 1] : NULL;
  if (last && last->end == added.start) {
    last->end = added.end;
    return;
  }
  if (runs->pending_count == MAX_PENDING)
    runs_settle (runs);
  runs->pending[runs->pending_count++] = added;
}

void
runs_add_all (struct runs *runs, struct runs *other)
{
  runs_settle (other);
  for (size_t i = 0; i < other->count; i++)
    runs_add (runs, other->items[i].start,
              other->items[i].end - other->items[i].start);
  runs->forgot = runs->forgot || other->forgot;
}

uint64_t
runs_total (struct runs *runs)
{
  uint64_t total = 0;

  runs_settle (runs);
  for (size_t i = 0; i < runs->count; i++)
    total += runs->items[i].end - runs->items[i].start;
  return total;
}

uint64_t
runs_covered (const struct runs *runs, size_t *cursor, uint64_t start,
              uint64_t end)
{
  uint64_t covered = 0;
  size_t i = *cursor;

  while (i < runs->count && runs->items[i].end <= start)
    i++;
  *cursor = i;
  for (; i < runs->count && runs->items[i].start < end; i++) {
    const struct byte_run run = runs->items[i];

    covered += (run.end < end ? run.end : end) -
               (run.start > start ? run.start : start);
  }
  return covered;
}
