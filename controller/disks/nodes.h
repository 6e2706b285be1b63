/* SPDX-License-Identifier: BSD-3-Clause */
/* The block graph as far as the inventory needs it: which node of a disk
 * carries its bitmaps. */

#ifndef PULLBACK_DISKS_NODES_H
#define PULLBACK_DISKS_NODES_H

#include <json-c/json.h>

#include "controller/qmp/qmp.h"

struct disk_nodes {
  json_object *nodes; /* query-named-block-nodes, flat */
  json_object *graph; /* x-debug-query-block-graph; read when needed */
};

int disk_nodes_query (struct qmp *qmp, struct disk_nodes *nodes);
void disk_nodes_clear (struct disk_nodes *nodes);
#define CLEANUP_DISK_NODES __attribute__ ((cleanup (disk_nodes_clear)))

/* BlockDeviceInfo of the node of that name; NULL: there is none. */
json_object *disk_node (const struct disk_nodes *nodes, const char *name);

/* The format node at or below 'name', past filters; NULL: not found.  -1 only
 * where a question to QEMU failed. */
int disk_node_below_filters (struct qmp *qmp, struct disk_nodes *nodes,
                             const char *name, json_object **found);

/* The format node of the image that backs that of 'node', past filters; NULL:
 * there is none.  -1 as above.  BlockDeviceInfo has a depth of the chain, but
 * not where the list is flat. */
int disk_node_backing (struct qmp *qmp, struct disk_nodes *nodes,
                       json_object *node, json_object **found);

/* The name of a node's child at 'edge' ("file", "backing"), the answer's; NULL:
 * not found.  -1 as above. */
int disk_node_child (struct qmp *qmp, struct disk_nodes *nodes,
                     json_object *node, const char *edge, const char **name);

#endif /* PULLBACK_DISKS_NODES_H */
