/* SPDX-License-Identifier: BSD-3-Clause */
/* Tells whose a bitmap is. */

#include <config.h>

#include <string.h>

#include "controller/domain/other-bitmaps.h"
#include "controller/domain/plan.h"

bool
is_other_bitmap (const struct checkpoint_list *known, const struct disk *disk,
                 const char *bitmap)
{
  size_t i;

  for (i = 0; known && i < known->nr_checkpoints; i++) {
    const char *own = checkpoint_bitmap (known->checkpoints[i], disk->name);

    if (own && strcmp (own, bitmap) == 0)
      return false;
  }
  return true;
}
