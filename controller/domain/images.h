/* SPDX-License-Identifier: BSD-3-Clause */
/* Which images are known to have recorded all changes since a checkpoint.  A
 * bitmap that a snapshot made in another one has only those since the snapshot,
 * and looks no different once the image below has left the chain. */

#ifndef PULLBACK_IMAGES_H
#define PULLBACK_IMAGES_H

#include <stdbool.h>

#include "controller/disks/disks.h"
#include "controller/formats/formats.h"

/* Whether the image on top is one of them, or it cannot be told. */
bool image_is_known (const struct checkpoint *checkpoint,
                     const struct disk *disk);

/* Whether one below it is, that has the bitmap, or it cannot be told. */
bool image_below_is_known (const struct checkpoint *checkpoint,
                           const struct disk *disk, const char *bitmap);

/* Adds one, as QEMU names it, or as a document does; 'name' may be NULL.  -1:
 * reported. */
int image_add (struct checkpoint *checkpoint, const char *disk,
               const char *name);

/* Those that are on top now, and below them have the bitmap, too, take the
 * place of all: committed into, one below has all again.  -1: reported. */
int images_set (struct checkpoint *checkpoint, struct disk_list *disks);

#endif /* PULLBACK_IMAGES_H */
