/* SPDX-License-Identifier: BSD-3-Clause */
/* The method for new versions: a backup job inserts the filter, which gives up
 * the point in time rather than fail the guest's write; no pause. */

#include <config.h>

#include "controller/capture/internal.h"
#include "controller/qmp/json.h"

int
access_make (struct capture *capture, struct captured_disk *disk)
{
  disk->exposed = disk->access;
  return capture_add (capture, UNDO_NODE, disk->access, NULL, "blockdev-add",
                      qmp_object ("driver", qmp_text ("snapshot-access"),
                                  "node-name", qmp_text (disk->access), "file",
                                  qmp_text (disk->filter), "discard",
                                  scratch_discard (capture, disk), NULL));
}

const struct capture_method_steps capture_transaction = {
  .promise = "",
  .by_job = true,
  .break_snapshot = true,
  .discards = true,
  .prepare = scratch_make,
  .cut = cut_by_transaction,
  .expose = access_make,
};
