/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes checkpoints out of a domain's tree, which stays whole. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/catalogue/catalogue.h"
#include "controller/catalogue/folder.h"
#include "controller/catalogue/paths.h"
#include "controller/catalogue/unknown.h"
#include "controller/common/error.h"

struct removal {
  const char *state, *domain;
  struct checkpoint_list *list;
  const char **gone; /* sorted */
  size_t nr_gone;
};

static int
compare_names (const void *left, const void *right)
{
  return strcmp (*(const char *const *) left, *(const char *const *) right);
}

static bool
is_gone (const struct removal *removal, const char *name)
{
  return bsearch (&name, removal->gone, removal->nr_gone, sizeof *removal->gone,
                  compare_names) != NULL;
}

/* The nearest of 'name' and its ancestors that stays; NULL: there is none.  Of
 * a cycle, which only a hand can have made, none stays in the end. */
static const char *
nearest_staying (const struct removal *removal, const char *name)
{
  size_t steps;

  for (steps = 0; name && steps <= removal->nr_gone; steps++) {
    const struct checkpoint *checkpoint;

    if (!is_gone (removal, name))
      return name;
    checkpoint = checkpoint_list_find (removal->list, name);
    name = checkpoint ? checkpoint->parent : NULL;
  }
  return NULL;
}

/* Rewrites a child of one that goes. */
static int
give_parent (const struct removal *removal, struct checkpoint *child)
{
  const char *parent = nearest_staying (removal, child->parent);
  char *copy = NULL;

  /* In a cycle of two it would become its own parent: a root instead. */
  if (parent && strcmp (parent, child->name) != 0 && !(copy = strdup (parent)))
    return fail_errno (ERROR_SYSTEM, "cannot change the parent of '%s'",
                       child->name);
  free (child->parent);
  child->parent = copy;
  return catalogue_replace_checkpoint (removal->state, removal->domain, child);
}

static int
rewrite_children (const struct removal *removal)
{
  size_t i;

  for (i = 0; i < removal->list->nr_checkpoints; i++) {
    struct checkpoint *child = removal->list->checkpoints[i];

    if (child->parent && is_gone (removal, child->parent) &&
        !is_gone (removal, child->name) && give_parent (removal, child) < 0)
      return -1;
  }
  return 0;
}

static int
rewrite_current (const struct removal *removal)
{
  CLEANUP_FREE char *current = NULL;

  error_clear ();
  current = catalogue_current (removal->state, removal->domain);
  if (!current)
    return error_kind () == ERROR_NONE ? 0 : -1;
  if (!is_gone (removal, current))
    return 0;
  return catalogue_set_current (removal->state, removal->domain,
                                nearest_staying (removal, current));
}

static int
remove_files (const struct removal *removal)
{
  CLEANUP_FREE char *folder =
      path_in_domain (removal->state, removal->domain, "checkpoints");
  size_t i;

  if (!folder)
    return -1;
  for (i = 0; i < removal->nr_gone; i++) {
    CLEANUP_FREE char *path =
        path_of_checkpoint (removal->state, removal->domain, removal->gone[i]);

    if (!path || remove_file (path) < 0)
      return -1;
  }
  return sync_folder (folder);
}

int
catalogue_remove_checkpoints (const char *state, const char *domain,
                              const char *const *names)
{
  CLEANUP_CHECKPOINT_LIST struct checkpoint_list *list =
      catalogue_checkpoints (state, domain);
  CLEANUP_FREE const char **gone = NULL;
  struct removal removal = { .state = state, .domain = domain, .list = list };

  if (!list)
    return -1;
  while (names[removal.nr_gone])
    removal.nr_gone++;
  gone = calloc (removal.nr_gone + 1, sizeof *gone);
  if (!gone)
    return fail_errno (ERROR_SYSTEM, "cannot remove checkpoints");
  for (size_t i = 0; i < removal.nr_gone; i++) {
    gone[i] = names[i];
    if (!checkpoint_list_find (list, names[i])) {
      unknown_checkpoint (domain, names[i]);
      return -1;
    }
  }
  qsort (gone, removal.nr_gone, sizeof *gone, compare_names);
  removal.gone = gone;
  if (rewrite_children (&removal) < 0 || rewrite_current (&removal) < 0)
    return -1;
  return remove_files (&removal);
}

int
catalogue_remove_checkpoint (const char *state, const char *domain,
                             const char *name)
{
  const char *const names[] = { name, NULL };

  return catalogue_remove_checkpoints (state, domain, names);
}
