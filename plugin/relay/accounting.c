/* SPDX-License-Identifier: BSD-3-Clause */
/* Compares what clients have received with a map. */

#include "config.h"

#include "common/cleanup.h"
#include "plugin/relay/accounting.h"
#include "plugin/relay/contexts.h"

/* For the sets that are made here. */
#define MAX_RUNS (UINT32_C (1) << 22)

/* Looked at in one go. */
#define MAX_EXTENTS 1024

/* Sets of bytes of one question. */
struct sets {
  atomic_size_t budget;
  struct runs given; /* read, or told to be zeroes */
  struct runs told;  /* the same, or told at all by the map that counts */
};

static void
sets_clear (struct sets *sets)
{
  runs_clear (&sets->given);
  runs_clear (&sets->told);
}

static void
add_read (struct relay *relay, const struct names *exports, struct runs *runs,
          bool *forgot)
{
  for (size_t i = 0; i < exports->count; i++) {
    struct delivered_export *export =
        delivered_export (relay->delivered, exports->items[i], NULL);

    if (export) {
      LOCK_IN_SCOPE (&export->lock);
      runs_add_all (runs, &export->read);
      *forgot = *forgot || export->forgot || runs->forgot;
    }
  }
}

/* How much of it there is that was not added before; 'runs' stay as they are.
 */
static uint64_t
count_provisional (struct relay *relay, const struct names *exports,
                   struct runs *runs)
{
  struct runs all;
  uint64_t total;

  runs_init (&all, runs->budget);
  runs_add_all (&all, runs);
  for (size_t i = 0; i < exports->count; i++) {
    struct delivered_export *export =
        delivered_export (relay->delivered, exports->items[i], NULL);

    if (export)
      delivered_add_provisional (relay->delivered, export, &all);
  }
  total = runs_total (&all);
  runs_clear (&all);
  return total - runs_total (runs);
}

static void
copy_told (struct delivered_export *export, struct runs *told)
{
  LOCK_IN_SCOPE (&export->lock);
  runs_add_all (told, &export->told);
}

/* What the map has as zeroes there, as far as it is known. */
static void
add_zeroes (struct map *map, const char *export, const struct byte_run *run,
            struct runs *runs)
{
  struct map_extent extents[MAX_EXTENTS];
  uint64_t offset = run->start;
  size_t count;

  do {
    count = offset < run->end ? map_known (map, offset, run->end - offset,
                                           extents, MAX_EXTENTS)
                              : 0;
    for (size_t i = 0; i < count; offset += extents[i++].length)
      if (view_content (export, extents[i].flags) == CONTENT_ZEROES)
        runs_add (runs, offset, extents[i].length);
  } while (count > 0);
}

/* What clients were told to be zeroes, so that they need not read it. */
static void
add_told_zeroes (struct relay *relay, const char *name, struct runs *runs)
{
  struct delivered_export *export =
      delivered_export (relay->delivered, name, NULL);
  struct map *map =
      export ? sources_find (relay->sources, name, &export->info) : NULL;
  struct runs told;

  if (map == NULL)
    return;
  runs_init (&told, runs->budget);
  copy_told (export, &told);
  runs_settle (&told);
  for (size_t i = 0; i < told.count; i++)
    add_zeroes (map, name, &told.items[i], runs);
  runs_clear (&told);
}

/* Where a walk along the map has come to in the sets. */
struct cursors {
  size_t given, told;
};

static void
count_extent (const struct sets *sets, struct cursors *cursors,
              enum content content, uint64_t offset, uint64_t length,
              struct account *account)
{
  const uint64_t end = offset + length;

  switch (content) {
  case CONTENT_DATA:
    account->data += length;
    account->missing +=
        length - runs_covered (&sets->given, &cursors->given, offset, end);
    break;
  case CONTENT_ZEROES:
    account->zeroes +=
        length - runs_covered (&sets->given, &cursors->given, offset, end);
    break;
  case CONTENT_CLEAN:
    account->clean +=
        length - runs_covered (&sets->told, &cursors->told, offset, end);
    break;
  }
}

/* Along the whole map.  false: there are gaps in what is known of it. */
static bool
count_map (struct map *map, const struct delivered_export *export,
           const struct sets *sets, struct account *account)
{
  /* Less than a block at the end cannot be read by any request. */
  const uint64_t size =
      export->info.size - export->info.size % export->info.minimum;
  struct map_extent extents[MAX_EXTENTS];
  struct cursors cursors = { 0 };
  uint64_t offset = 0;

  while (offset < size) {
    const size_t count =
        map_known (map, offset, size - offset, extents, MAX_EXTENTS);

    if (count == 0)
      return false;
    for (size_t i = 0; i < count; offset += extents[i++].length)
      count_extent (sets, &cursors,
                    view_content (export->name, extents[i].flags), offset,
                    extents[i].length, account);
  }
  return true;
}

static void
compare_with_map (struct relay *relay, const char *name, struct sets *sets,
                  struct account *account)
{
  struct delivered_export *export =
      delivered_export (relay->delivered, name, NULL);
  struct map *map =
      export ? sources_find (relay->sources, name, &export->info) : NULL;

  if (map == NULL)
    return;
  runs_settle (&sets->given);
  runs_add_all (&sets->told, &sets->given);
  copy_told (export, &sets->told);
  runs_settle (&sets->told);
  account->known = count_map (map, export, sets, account);
}

void
account_take (struct relay *relay, const struct names *exports,
              struct account *account)
{
  struct sets sets = { .budget = MAX_RUNS };

  *account = (struct account){ 0 };
  runs_init (&sets.given, &sets.budget);
  runs_init (&sets.told, &sets.budget);
  add_read (relay, exports, &sets.given, &account->forgot);
  account->read = runs_total (&sets.given);
  account->sent = count_provisional (relay, exports, &sets.given);
  for (size_t i = 0; i < exports->count; i++)
    add_told_zeroes (relay, exports->items[i], &sets.given);
  if (exports->count > 0)
    compare_with_map (relay, exports->items[0], &sets, account);
  sets_clear (&sets);
}
