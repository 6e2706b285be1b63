/* SPDX-License-Identifier: BSD-3-Clause */
/* Gives devices what is below the filters that a capture put under them; QEMU
 * is asked once about all of them. */

#ifndef PULLBACK_CAPTURE_UNDO_DEVICE_H
#define PULLBACK_CAPTURE_UNDO_DEVICE_H

#include "controller/capture/undo.h"
#include "controller/disks/nodes.h"

/* Which node each device uses, and what is below it. */
struct device_view {
  json_object *blocks;
  struct disk_nodes nodes;
};

/* -1 or QMP_NO_ANSWER: reported. */
int device_view_query (struct qmp *qmp, struct device_view *view);
void device_view_clear (struct device_view *view);
#define CLEANUP_DEVICE_VIEW __attribute__ ((cleanup (device_view_clear)))

/* The command that undoes an UNDO_DEVICE entry: 1; 0 if none is needed; -1:
 * reported. */
int device_view_command (struct qmp *qmp, struct device_view *view,
                         const struct undo_entry *entry,
                         struct qmp_command *command);

#endif /* PULLBACK_CAPTURE_UNDO_DEVICE_H */
