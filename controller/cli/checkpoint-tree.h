/* SPDX-License-Identifier: BSD-3-Clause */
/* The checkpoints of a list, linked to their families, and their drawing. */

#ifndef PULLBACK_CLI_CHECKPOINT_TREE_H
#define PULLBACK_CLI_CHECKPOINT_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

/* A checkpoint of the daemon's list, linked to its family.  Siblings are in the
 * order of the list. */
struct item {
  json_object *json; /* the list's */
  const char *name;
  struct item *parent, *first_child, *last_child, *sibling;
  bool chosen;
};

struct items {
  struct item *list;    /* in the daemon's order, oldest first */
  struct item **sorted; /* by name, in the order of virsh */
  size_t count;
};

/* To standard output, the chosen ones and their roots, or only 'from' and what
 * is chosen below it.  -1: reported. */
int checkpoint_tree_draw (const struct items *items, const struct item *from,
                          bool topological);

#endif /* PULLBACK_CLI_CHECKPOINT_TREE_H */
