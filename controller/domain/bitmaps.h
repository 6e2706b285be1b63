/* SPDX-License-Identifier: BSD-3-Clause */
/* Checkpoints' bitmaps in QEMU, on all of their disks at once. */

#ifndef PULLBACK_BITMAPS_H
#define PULLBACK_BITMAPS_H

#include "controller/catalogue/catalogue.h"
#include "controller/disks/disks.h"
#include "controller/formats/formats.h"
#include "controller/qmp/qmp.h"

/* Starts recording on all disks of the checkpoint in one transaction. */
int bitmaps_add (struct qmp *qmp, const struct checkpoint *checkpoint,
                 struct disk_list *disks);

/* Removes those that are there, in one transaction, and verifies by reading
 * back: QEMU can report success for a removal that failed on the disk.  The
 * list ends with NULL. */
int bitmaps_remove (struct qmp *qmp, const struct checkpoint *const *list,
                    const struct domain_record *record);

/* How many of them QEMU has.  -1: reported. */
int bitmaps_count (struct qmp *qmp, const struct checkpoint *const *list,
                   const struct domain_record *record);

/* Where bitmaps of this name are in images below the top, merges what they hold
 * into the one on top, which may record all the while: from then on it is all
 * that has changed.  Doing it again changes nothing.  False if there is nothing
 * to merge, or it cannot be used (disk_bitmap_unusable says so) or could not be
 * merged (logged). */
bool bitmap_carry_over (struct qmp *qmp, struct disk *disk, const char *bitmap);

#endif /* PULLBACK_BITMAPS_H */
