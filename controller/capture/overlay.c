/* SPDX-License-Identifier: BSD-3-Clause */
/* The method for old versions: a backup job copies old data to an overlay of
 * the live node, so that the overlay is the point in time. */

#include <config.h>

#include "controller/capture/internal.h"

static int
expose (struct capture *capture, struct captured_disk *disk)
{
  (void) capture;
  disk->exposed = disk->overlay;
  return 0;
}

const struct capture_method_steps capture_overlay = {
  .promise = "this version of QEMU fails the guest's writes where the scratch "
             "file cannot take the old data: room for it was reserved, and the "
             "backup is given up before that is used up; a scratch file system "
             "that fails otherwise fails the guest's writes",
  .allocation_depth = true,
  .by_job = true,
  .prepare = scratch_make_overlay,
  .cut = cut_by_transaction,
  .expose = expose,
};
