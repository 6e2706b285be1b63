/* SPDX-License-Identifier: BSD-3-Clause */
/* Bitmaps of QEMU that no checkpoint known here has. */

#ifndef PULLBACK_OTHER_BITMAPS_H
#define PULLBACK_OTHER_BITMAPS_H

#include <stdbool.h>

#include "controller/catalogue/catalogue.h"
#include "controller/disks/disks.h"

/* 'known' may be NULL: none are. */
bool is_other_bitmap (const struct checkpoint_list *known,
                      const struct disk *disk, const char *bitmap);

#endif /* PULLBACK_OTHER_BITMAPS_H */
