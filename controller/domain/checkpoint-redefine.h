/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata for bitmaps that are there already. */

#ifndef PULLBACK_CHECKPOINT_REDEFINE_H
#define PULLBACK_CHECKPOINT_REDEFINE_H

#include "controller/domain/change.h"

/* Stores the checkpoint, completed, or refuses it and changes nothing: its
 * parent must be there and not descend from it, its disks be the domain's and,
 * if it is known here already, the same as before; with 'validate' its bitmaps
 * must be usable. */
int checkpoint_redefine (const char *state, struct change *change,
                         struct checkpoint *checkpoint, bool validate);

/* Whether both cover the same disks by the same bitmaps. */
bool checkpoint_same_disks (const struct checkpoint *left,
                            const struct checkpoint *right);

#endif /* PULLBACK_CHECKPOINT_REDEFINE_H */
