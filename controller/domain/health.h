/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether what a checkpoint promises can be kept: its metadata against the
 * bitmaps that QEMU has. */

#ifndef PULLBACK_HEALTH_H
#define PULLBACK_HEALTH_H

#include <stdint.h>

#include "controller/disks/disks.h"
#include "controller/formats/formats.h"

/* Why the changes since the checkpoint are not known on some of its disks; the
 * caller's.  NULL: they are known on all. */
char *checkpoint_health (const struct checkpoint *checkpoint,
                         struct disk_list *disks);

/* Why the checkpoint cannot be the base of a disk that it covers, at present or
 * at all; a text of static life time.  NULL: it can. */
const char *checkpoint_unusable (const struct checkpoint *checkpoint,
                                 const struct disk *disk);

/* Bytes that changed on the disk since the checkpoint; -1: not known. */
int64_t checkpoint_disk_changes (const struct checkpoint *checkpoint,
                                 const struct checkpoint_disk *entry,
                                 struct disk_list *disks);

#endif /* PULLBACK_HEALTH_H */
