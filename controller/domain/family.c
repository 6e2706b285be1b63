/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds descendants by climbing from each checkpoint, each link once. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/family.h"

enum kin { UNKNOWN, STRANGER, DESCENDANT, CLIMBED };

/* The verdict for the whole way from 'start' up to the first whose verdict is
 * known; a cycle is known as the way that is being climbed. */
static void
judge (const struct checkpoint_list *list, size_t root, size_t start,
       enum kin *kin)
{
  enum kin verdict = STRANGER;
  size_t at, end = list->nr_checkpoints;

  for (at = start; at != end && kin[at] == UNKNOWN;
       at = checkpoint_list_index (list, list->by_name[at]->parent)) {
    if (at == root)
      break;
    kin[at] = CLIMBED;
  }
  if (at == root || (at != end && kin[at] == DESCENDANT))
    verdict = DESCENDANT;
  for (at = start; at != end && at != root && kin[at] == CLIMBED;
       at = checkpoint_list_index (list, list->by_name[at]->parent))
    kin[at] = verdict;
}

bool *
family_descendants (const struct checkpoint_list *list, const char *name)
{
  CLEANUP_FREE enum kin *kin = calloc (list->nr_checkpoints + 1, sizeof *kin);
  bool *descendants = calloc (list->nr_checkpoints + 1, sizeof *descendants);
  size_t root = checkpoint_list_index (list, name), i;

  if (kin == NULL || descendants == NULL) {
    free (descendants);
    fail_errno (ERROR_SYSTEM, "checkpoints");
    return NULL;
  }
  for (i = 0; root < list->nr_checkpoints && i < list->nr_checkpoints; i++) {
    judge (list, root, i, kin);
    descendants[i] = kin[i] == DESCENDANT;
  }
  return descendants;
}

size_t
family_count_children (const struct checkpoint_list *list, const char *name)
{
  size_t count = 0, i;

  for (i = 0; i < list->nr_checkpoints; i++) {
    const char *parent = list->checkpoints[i]->parent;

    count += parent && strcmp (parent, name) == 0;
  }
  return count;
}

size_t
family_count_descendants (const struct checkpoint_list *list,
                          const bool *descendants)
{
  size_t count = 0, i;

  for (i = 0; i < list->nr_checkpoints; i++)
    count += descendants[i];
  return count;
}
