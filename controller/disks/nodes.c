/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the node that carries a disk's bitmaps: the one that the device uses,
 * or below the filters on it, our own during a backup or those of the user. */

#include <config.h>

#include <string.h>

#include "controller/common/error.h"
#include "controller/disks/nodes.h"

/* Drivers that pass through what is below them (QEMU's is_filter). */
static const char *const filters[] = {
  "blkdebug",          "blklogwrites", "blkreplay",   "blkverify",   "compress",
  "copy-before-write", "copy-on-read", "preallocate", "replication", "throttle",
};

/* More filters than anybody stacks. */
#define MAX_FILTERS 32

static const char *
text (json_object *object, const char *key)
{
  json_object *value;

  if (!json_object_object_get_ex (object, key, &value) ||
      !json_object_is_type (value, json_type_string))
    return "";
  return json_object_get_string (value);
}

static bool
is_filter (json_object *node)
{
  const char *driver = text (node, "drv");

  for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
    if (strcmp (driver, filters[i]) == 0)
      return true;
  return false;
}

int
disk_nodes_query (struct qmp *qmp, struct disk_nodes *nodes)
{
  json_object *arguments = json_object_new_object ();

  /* Not with the whole backing chain of each node again. */
  json_object_object_add (arguments, "flat", json_object_new_boolean (true));
  return qmp_execute (qmp, "query-named-block-nodes", arguments, &nodes->nodes);
}

void
disk_nodes_clear (struct disk_nodes *nodes)
{
  json_object_put (nodes->nodes);
  json_object_put (nodes->graph);
}

json_object *
disk_node (const struct disk_nodes *nodes, const char *name)
{
  for (size_t i = 0; i < json_object_array_length (nodes->nodes); i++) {
    json_object *node = json_object_array_get_idx (nodes->nodes, i);

    if (strcmp (text (node, "node-name"), name) == 0)
      return node;
  }
  return NULL;
}

/* "file" of a filter, as newer versions list it. */
static const char *
child_listed (json_object *node)
{
  json_object *children;

  if (!json_object_object_get_ex (node, "children", &children))
    return NULL;
  for (size_t i = 0; i < json_object_array_length (children); i++) {
    json_object *child = json_object_array_get_idx (children, i);

    if (strcmp (text (child, "child"), "file") == 0)
      return text (child, "node-name");
  }
  return NULL;
}

static json_object *
graph_find (json_object *graph, const char *list, const char *key,
            const char *value, const char *edge)
{
  json_object *entries;

  if (!json_object_object_get_ex (graph, list, &entries))
    return NULL;
  for (size_t i = 0; i < json_object_array_length (entries); i++) {
    json_object *entry = json_object_array_get_idx (entries, i);
    json_object *member;

    if (json_object_object_get_ex (entry, key, &member) &&
        strcmp (json_object_get_string (member), value) == 0 &&
        strcmp (text (entry, "name"), edge ? edge : value) == 0)
      return entry;
  }
  return NULL;
}

/* The same from the debugging graph, the only place where QEMU before 10.1
 * tells it. */
static const char *
child_in_graph (json_object *graph, const char *name)
{
  json_object *entry, *id;
  char number[24];

  entry = graph_find (graph, "nodes", "name", name, NULL);
  if (!entry || !json_object_object_get_ex (entry, "id", &id))
    return NULL;
  strncpy (number, json_object_get_string (id), sizeof number - 1);
  number[sizeof number - 1] = '\0';
  entry = graph_find (graph, "edges", "parent", number, "file");
  if (!entry || !json_object_object_get_ex (entry, "child", &id))
    return NULL;
  strncpy (number, json_object_get_string (id), sizeof number - 1);
  if (!json_object_object_get_ex (graph, "nodes", &entry))
    return NULL;
  for (size_t i = 0; i < json_object_array_length (entry); i++) {
    json_object *node = json_object_array_get_idx (entry, i);

    if (json_object_object_get_ex (node, "id", &id) &&
        strcmp (json_object_get_string (id), number) == 0)
      return text (node, "name");
  }
  return NULL;
}

int
disk_node_below_filters (struct qmp *qmp, struct disk_nodes *nodes,
                         const char *name, json_object **found)
{
  json_object *node = disk_node (nodes, name);
  const char *below;

  *found = NULL;
  for (int i = 0; node && i < MAX_FILTERS; i++) {
    if (!is_filter (node)) {
      *found = node;
      return 0;
    }
    below = child_listed (node);
    if (!below && !nodes->graph &&
        qmp_can (qmp, "x-debug-query-block-graph", NULL, NULL) &&
        qmp_execute (qmp, "x-debug-query-block-graph", NULL, &nodes->graph) < 0)
      return -1;
    if (!below && nodes->graph)
      below = child_in_graph (nodes->graph, text (node, "node-name"));
    node = below ? disk_node (nodes, below) : NULL;
  }
  return 0;
}
