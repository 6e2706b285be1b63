/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the node that carries a disk's bitmaps: the one that the device uses,
 * or below the filters on it, our own during a backup or those of the user. */

#include <config.h>

#include "controller/disks/nodes.h"
#include "controller/qmp/json.h"

/* Drivers that pass through what is below them (QEMU's is_filter). */
static const char *const filters[] = {
  "blkdebug",          "blklogwrites", "blkreplay",   "blkverify",   "compress",
  "copy-before-write", "copy-on-read", "preallocate", "replication", "throttle",
};

/* More filters than anybody stacks. */
#define MAX_FILTERS 32

static bool
is_filter (json_object *node)
{
  for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
    if (qmp_string_is (node, "drv", filters[i]))
      return true;
  return false;
}

int
disk_nodes_query (struct qmp *qmp, struct disk_nodes *nodes)
{
  /* Not with the whole backing chain of each node again. */
  return qmp_execute (qmp, "query-named-block-nodes",
                      qmp_object ("flat", qmp_flag (true), NULL),
                      &nodes->nodes);
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
  return qmp_find (nodes->nodes, "node-name", name);
}

/* "file" of a filter or "backing" of an image, as newer versions list them. */
static const char *
child_listed (json_object *node, const char *edge)
{
  return qmp_string (qmp_find (qmp_list (node, "children"), "child", edge),
                     "node-name");
}

/* The number that the member 'key' has, 0 if it has none. */
static uint64_t
number (json_object *object, const char *key)
{
  json_object *value;

  return json_object_is_type (object, json_type_object) &&
                 json_object_object_get_ex (object, key, &value)
             ? json_object_get_uint64 (value)
             : 0;
}

/* The same from the debugging graph, the only place where older versions tell
 * it: nodes with ids, and edges between the ids. */
static const char *
child_in_graph (json_object *graph, const char *name, const char *edge)
{
  json_object *nodes = qmp_list (graph, "nodes");
  json_object *edges = qmp_list (graph, "edges");
  uint64_t parent = number (qmp_find (nodes, "name", name), "id"), child = 0;

  for (size_t i = 0; i < qmp_length (edges); i++) {
    json_object *each = json_object_array_get_idx (edges, i);

    if (number (each, "parent") == parent && qmp_string_is (each, "name", edge))
      child = number (each, "child");
  }
  for (size_t i = 0; child != 0 && i < qmp_length (nodes); i++) {
    json_object *node = json_object_array_get_idx (nodes, i);

    if (number (node, "id") == child)
      return qmp_string (node, "name");
  }
  return NULL;
}

int
disk_node_child (struct qmp *qmp, struct disk_nodes *nodes, json_object *node,
                 const char *edge, const char **name)
{
  int can;

  *name = child_listed (node, edge);
  if (qmp_list (node, "children"))
    return 0;
  if (!nodes->graph) {
    can = qmp_can (qmp, "x-debug-query-block-graph", NULL, NULL);
    if (can < 0 || (can && qmp_execute (qmp, "x-debug-query-block-graph", NULL,
                                        &nodes->graph) < 0))
      return -1;
  }
  if (nodes->graph)
    *name = child_in_graph (nodes->graph, qmp_string (node, "node-name"), edge);
  return 0;
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
    if (disk_node_child (qmp, nodes, node, "file", &below) < 0)
      return -1;
    node = below ? disk_node (nodes, below) : NULL;
  }
  return 0;
}

int
disk_node_backing (struct qmp *qmp, struct disk_nodes *nodes, json_object *node,
                   json_object **found)
{
  const char *below;

  *found = NULL;
  if (disk_node_child (qmp, nodes, node, "backing", &below) < 0)
    return -1;
  return below ? disk_node_below_filters (qmp, nodes, below, found) : 0;
}
