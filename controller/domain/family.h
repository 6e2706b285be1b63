/* SPDX-License-Identifier: BSD-3-Clause */
/* Who descends from whom in a domain's tree of checkpoints, cycles and absent
 * parents included, which a hand can make. */

#ifndef PULLBACK_FAMILY_H
#define PULLBACK_FAMILY_H

#include <stdbool.h>

#include "controller/catalogue/catalogue.h"

/* For each of list->by_name whether it descends from 'name' (itself does not);
 * the caller's.  NULL: reported. */
bool *family_descendants (const struct checkpoint_list *list, const char *name);

size_t family_count_children (const struct checkpoint_list *list,
                              const char *name);
size_t family_count_descendants (const struct checkpoint_list *list,
                                 const bool *descendants);

#endif /* PULLBACK_FAMILY_H */
