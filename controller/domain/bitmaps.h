/* SPDX-License-Identifier: BSD-3-Clause */
/* A checkpoint's bitmaps in QEMU, on all of its disks at once. */

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
 * back: QEMU can report success for a removal that failed on the disk. */
int bitmaps_remove (struct qmp *qmp, const struct checkpoint *checkpoint,
                    const struct domain_record *record);

#endif /* PULLBACK_BITMAPS_H */
