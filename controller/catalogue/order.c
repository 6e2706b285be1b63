/* SPDX-License-Identifier: BSD-3-Clause */
/* The order in which checkpoints are listed, in O(n log n) and for any set of
 * parents, cycles and absent ones included. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/catalogue/order.h"
#include "controller/common/error.h"

struct ranked {
  struct checkpoint *checkpoint;
  struct ranked *parent; /* NULL: a root, or the parent is not in the list */
  size_t depth;          /* 0: not known yet; a root has 1 */
  int64_t time;          /* its own, or a later one of an ancestor's: the clock
                            may have been set back in between */
};

static int
compare_names (const void *left, const void *right)
{
  const struct ranked *l = left, *r = right;

  return strcmp (l->checkpoint->name, r->checkpoint->name);
}

static int
compare_ranks (const void *left, const void *right)
{
  const struct ranked *l = left, *r = right;

  if (l->time != r->time)
    return l->time < r->time ? -1 : 1;
  if (l->depth != r->depth)
    return l->depth < r->depth ? -1 : 1;
  return compare_names (left, right);
}

/* 'ranked' is sorted by name. */
static void
find_parents (struct ranked *ranked, size_t nr_ranked)
{
  size_t i;

  for (i = 0; i < nr_ranked; i++) {
    struct checkpoint key = { .name = ranked[i].checkpoint->parent };
    struct ranked wanted = { .checkpoint = &key };

    if (key.name)
      ranked[i].parent =
          bsearch (&wanted, ranked, nr_ranked, sizeof *ranked, compare_names);
  }
}

/* Walks up to an ancestor whose depth is known, or the root; then again,
 * telling each what it is.  Every link is walked twice in all, and a cycle ends
 * the walk as a root would. */
static void
find_depth (struct ranked *start, size_t nr_ranked)
{
  struct ranked *at;
  size_t steps = 0, depth;

  for (at = start; at && !at->depth && steps < nr_ranked; at = at->parent)
    steps++;
  depth = steps + (at ? at->depth : 0);
  for (at = start; steps > 0; at = at->parent, steps--)
    at->depth = depth--;
}

static int
compare_depths (const void *left, const void *right)
{
  const struct ranked *l = *(struct ranked *const *) left;
  const struct ranked *r = *(struct ranked *const *) right;

  return l->depth < r->depth ? -1 : l->depth > r->depth;
}

/* From the roots on, so that a parent has its time before its children. */
static int
find_times (struct ranked *ranked, size_t nr_ranked)
{
  CLEANUP_FREE struct ranked **by_depth =
      calloc (nr_ranked + 1, sizeof *by_depth);
  size_t i;

  if (!by_depth)
    return -1;
  for (i = 0; i < nr_ranked; i++)
    by_depth[i] = &ranked[i];
  qsort (by_depth, nr_ranked, sizeof *by_depth, compare_depths);
  for (i = 0; i < nr_ranked; i++) {
    struct ranked *at = by_depth[i];

    at->time = at->checkpoint->creation_time;
    if (at->parent && at->parent->depth < at->depth &&
        at->parent->time > at->time)
      at->time = at->parent->time;
  }
  return 0;
}

int
order_checkpoints (struct checkpoint_list *list)
{
  CLEANUP_FREE struct ranked *ranked =
      calloc (list->nr_checkpoints + 1, sizeof *ranked);
  size_t i;

  if (!ranked)
    return fail_errno (ERROR_SYSTEM, "cannot sort %zu checkpoints",
                       list->nr_checkpoints);
  for (i = 0; i < list->nr_checkpoints; i++)
    ranked[i].checkpoint = list->checkpoints[i];
  qsort (ranked, list->nr_checkpoints, sizeof *ranked, compare_names);
  find_parents (ranked, list->nr_checkpoints);
  for (i = 0; i < list->nr_checkpoints; i++)
    find_depth (&ranked[i], list->nr_checkpoints);
  if (find_times (ranked, list->nr_checkpoints) == -1)
    return fail_errno (ERROR_SYSTEM, "cannot sort %zu checkpoints",
                       list->nr_checkpoints);
  qsort (ranked, list->nr_checkpoints, sizeof *ranked, compare_ranks);
  for (i = 0; i < list->nr_checkpoints; i++)
    list->checkpoints[i] = ranked[i].checkpoint;
  return 0;
}
