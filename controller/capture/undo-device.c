/* SPDX-License-Identifier: BSD-3-Clause */
/* Gives devices what is below the filters that a capture put under them; QEMU
 * is asked once about all of them. */

#include <config.h>

#include "controller/capture/undo-device.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"

int
device_view_query (struct qmp *qmp, struct device_view *view)
{
  int r = qmp_execute (qmp, "query-block", NULL, &view->blocks);

  return r < 0 ? r : disk_nodes_query (qmp, &view->nodes);
}

void
device_view_clear (struct device_view *view)
{
  json_object_put (view->blocks);
  disk_nodes_clear (&view->nodes);
}

/* Whether a device of the guest uses the filter. */
static bool
is_used (json_object *blocks, const char *filter)
{
  for (size_t i = 0; i < qmp_length (blocks); i++) {
    json_object *block = json_object_array_get_idx (blocks, i), *inserted;
    const char *device = qmp_string (block, "qdev");

    if (device && *device &&
        json_object_object_get_ex (block, "inserted", &inserted) &&
        qmp_string_is (inserted, "node-name", filter))
      return true;
  }
  return false;
}

/* What is below the filter may be another node than at the beginning: an
 * external snapshot by others puts its overlay there.  A device that was
 * unplugged, or does not use the filter, needs nothing, and must get nothing:
 * QEMU 10.0 aborts if a device is given the node that it has. */
int
device_view_command (struct qmp *qmp, struct device_view *view,
                     const struct undo_entry *entry,
                     struct qmp_command *command)
{
  const char *filter = entry->object, *below;

  if (!is_used (view->blocks, filter))
    return 0;
  if (disk_node_child (qmp, &view->nodes, disk_node (&view->nodes, filter),
                       "file", &below) < 0)
    return -1;
  if (!below)
    return fail (ERROR_QEMU,
                 "device '%s' is still under the filter '%s', and QEMU does "
                 "not tell what is below it",
                 entry->owner, filter);
  /* QEMU drains both nodes for the exchange: the guest need not stand still. */
  *command = (struct qmp_command){
    .name = "qom-set",
    .arguments =
        qmp_object ("path", qmp_text (entry->owner), "property",
                    qmp_text ("drive"), "value", qmp_text (below), NULL),
  };
  return 1;
}
