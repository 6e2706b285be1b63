/* SPDX-License-Identifier: BSD-3-Clause */
/* The verb that lists checkpoints: which ones, in what order, and as a table,
 * as names or as a tree. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "controller/cli/checkpoint.h"
#include "controller/cli/checkpoint-tree.h"
#include "controller/cli/reply.h"
#include "controller/cli/table.h"
#include "controller/common/error.h"

static void
items_clear (struct items *items)
{
  free (items->list);
  free (items->sorted);
}
#define CLEANUP_ITEMS __attribute__ ((cleanup (items_clear)))

static int
compare_names (const void *left, const void *right)
{
  const struct item *l = *(struct item *const *) left;
  const struct item *r = *(struct item *const *) right;
  int order = strcasecmp (l->name, r->name);

  return order ? order : strcmp (l->name, r->name);
}

static struct item *
find (const struct items *items, const char *name)
{
  struct item key = { .name = name };
  struct item *wanted = &key;
  struct item **found = NULL;

  if (name)
    found = bsearch (&wanted, items->sorted, items->count, sizeof *found,
                     compare_names);
  return found ? *found : NULL;
}

static void
link_child (struct item *item, struct item *parent)
{
  item->parent = parent;
  if (parent == NULL)
    return;
  if (parent->last_child)
    parent->last_child->sibling = item;
  else
    parent->first_child = item;
  parent->last_child = item;
}

/* Siblings are in the order of names, or with --topological in the list's. */
static int
read_items (json_object *list, bool topological, struct items *items)
{
  size_t count = reply_count (list, "checkpoints"), i;

  items->list = calloc (count + 1, sizeof *items->list);
  items->sorted = calloc (count + 1, sizeof *items->sorted);
  if (items->list == NULL || items->sorted == NULL)
    return fail_errno (ERROR_SYSTEM, "checkpoints");
  for (i = 0; i < count; i++) {
    struct item *item = &items->list[items->count];

    item->json = reply_item (list, "checkpoints", i);
    item->name = reply_text (item->json, "name");
    if (item->name)
      items->sorted[items->count++] = item;
  }
  qsort (items->sorted, items->count, sizeof *items->sorted, compare_names);
  for (i = 0; i < items->count; i++) {
    struct item *item = topological ? &items->list[i] : items->sorted[i];

    link_child (item, find (items, reply_text (item->json, "parent")));
  }
  return 0;
}

static bool
descends_from (const struct item *item, const struct item *ancestor,
               size_t steps)
{
  for (item = item->parent; item && steps-- > 0; item = item->parent)
    if (item == ancestor)
      return true;
  return false;
}

static void
choose (const struct invocation *invocation, const struct items *items,
        const struct item *from)
{
  bool roots = is_given (invocation, "roots");
  bool leaves = is_given (invocation, "leaves");
  bool no_leaves = is_given (invocation, "no-leaves");
  bool descendants = is_given (invocation, "descendants");
  size_t i;

  for (i = 0; i < items->count; i++) {
    struct item *item = &items->list[i];

    item->chosen =
        from ? item->parent == from ||
                   (descendants && descends_from (item, from, items->count))
             : !roots || item->parent == NULL;
    /* Both are all, as with virsh. */
    if (leaves != no_leaves && leaves != (item->first_child == NULL))
      item->chosen = false;
  }
}

/* What the daemon found, for those who read no column of it. */
static void
warn (const struct items *items, json_object *list, bool each)
{
  const char *unknown = reply_text (list, "unknown");
  size_t i;

  if (unknown)
    fprintf (stderr,
             "warning: it is not known which checkpoints can be used: %s\n",
             unknown);
  for (i = 0; each && i < items->count; i++) {
    const struct item *item = &items->list[i];
    const char *state = reply_text (item->json, "state");

    if (item->chosen && state && strcmp (state, "broken") == 0)
      fprintf (stderr, "warning: checkpoint '%s' is broken: %s\n", item->name,
               reply_text (item->json, "reason"));
  }
}

static bool
any_broken (const struct items *items)
{
  size_t i;

  for (i = 0; i < items->count; i++) {
    const char *state = reply_text (items->list[i].json, "state");

    if (items->list[i].chosen && state && strcmp (state, "broken") == 0)
      return true;
  }
  return false;
}

static int
add_row (struct table *table, const struct item *item, bool parents)
{
  const char *parent = reply_text (item->json, "parent");
  const char *reason = reply_text (item->json, "reason");
  const struct time_text created =
      format_time (reply_number (item->json, "creation_time"));
  CLEANUP_FREE char *state = NULL;

  if (asprintf (&state, "%s%s%s", reply_text (item->json, "state"),
                reason ? ": " : "", reason ? reason : "") == -1) {
    state = NULL;
    return fail_errno (ERROR_SYSTEM, "table");
  }
  if (parents)
    return table_row (table, item->name, created.text, parent ? parent : "",
                      state);
  return table_row (table, item->name, created.text, state);
}

/* virsh's columns; only where something is broken there is one more. */
static struct table *
make_table (const struct items *items, bool parents)
{
  const char *state = any_broken (items) ? "State" : NULL;

  return parents ? table_new ("Name", "Creation Time", "Parent", state, NULL)
                 : table_new ("Name", "Creation Time", state, NULL);
}

/* The one after 'item' in the tree below its root, an item before its children;
 * NULL: there is none. */
static struct item *
next_in_tree (struct item *item)
{
  if (item->first_child)
    return item->first_child;
  while (item && item->sibling == NULL)
    item = item->parent;
  return item ? item->sibling : NULL;
}

/* Parents before children, each family together.  The caller's; NULL: reported.
 * Those of a cycle, which have no root, are left out. */
static struct item **
topological_order (const struct items *items)
{
  struct item **order = calloc (items->count + 1, sizeof *order);
  size_t count = 0, i;

  if (order == NULL) {
    fail_errno (ERROR_SYSTEM, "checkpoints");
    return NULL;
  }
  for (i = 0; i < items->count; i++) {
    struct item *item = &items->list[i];

    if (item->parent)
      continue;
    for (; item; item = next_in_tree (item))
      order[count++] = item;
  }
  return order;
}

/* 'order' ends with NULL; without a table only the names. */
static int
show_items (struct item *const *order, struct table *table, bool parents)
{
  for (; *order; order++) {
    if (!(*order)->chosen)
      continue;
    if (table == NULL)
      printf ("%s\n", (*order)->name);
    else if (add_row (table, *order, parents) == -1)
      return -1;
  }
  if (table)
    table_show (table);
  return 0;
}

static int
show (const struct invocation *invocation, const struct items *items,
      const struct item *from)
{
  bool topological = is_given (invocation, "topological");
  bool parents = is_given (invocation, "parent");
  CLEANUP_FREE struct item **order = NULL;
  CLEANUP_TABLE struct table *table = NULL;

  if (is_given (invocation, "tree"))
    return checkpoint_tree_draw (items, from, topological);
  if (topological && (order = topological_order (items)) == NULL)
    return -1;
  if (!is_given (invocation, "name") &&
      (table = make_table (items, parents)) == NULL)
    return -1;
  return show_items (topological ? order : items->sorted, table, parents);
}

/* virsh's rules, and --current, which is --from the current one. */
static int
check_options (const struct invocation *invocation)
{
  static const char *const exclusive[][2] = {
    { "tree", "name" },      { "parent", "roots" }, { "parent", "tree" },
    { "roots", "tree" },     { "roots", "from" },   { "leaves", "tree" },
    { "no-leaves", "tree" }, { "current", "from" }, { "current", "roots" },
  };
  size_t i;

  for (i = 0; i < sizeof exclusive / sizeof exclusive[0]; i++)
    if (refuse_both (invocation, exclusive[i][0], exclusive[i][1]) == -1)
      return -1;
  if (is_given (invocation, "descendants") && !is_given (invocation, "from") &&
      !is_given (invocation, "current"))
    return fail (ERROR_INVALID, "--descendants requires --from or --current");
  return 0;
}

/* *from stays NULL if the list is not limited to a family. */
static int
find_from (const struct invocation *invocation, json_object *list,
           const struct items *items, const struct item **from)
{
  const char *domain = value_of (invocation, "domain");
  const char *name = value_of (invocation, "from");

  if (is_given (invocation, "current")) {
    name = current_checkpoint (list);
    if (name == NULL)
      return fail (ERROR_NOT_FOUND, "domain '%s' has no current checkpoint",
                   domain);
  }
  if (name == NULL)
    return 0;
  *from = find (items, name);
  if (*from == NULL)
    return fail (ERROR_NOT_FOUND,
                 "checkpoint '%s' of domain '%s' does not exist; 'pullback "
                 "checkpoint-list %s' shows those that do",
                 name, domain, domain);
  return 0;
}

int
checkpoint_list (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *list = NULL;
  CLEANUP_ITEMS struct items items = { 0 };
  const struct item *from = NULL;
  int result;

  if (check_options (invocation) == -1 ||
      reply_take (invocation,
                  pullback_checkpoint_list (invocation->handle,
                                            value_of (invocation, "domain")),
                  &list) == -1)
    return -1;
  if (list == NULL)
    return 0;
  if (read_items (list, is_given (invocation, "topological"), &items) == -1 ||
      find_from (invocation, list, &items, &from) == -1)
    return -1;
  choose (invocation, &items, from);
  result = show (invocation, &items, from);
  warn (&items, list,
        is_given (invocation, "name") || is_given (invocation, "tree"));
  return result;
}
