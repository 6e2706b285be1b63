/* SPDX-License-Identifier: BSD-3-Clause */
/* The order in which checkpoints are listed. */

#ifndef PULLBACK_ORDER_H
#define PULLBACK_ORDER_H

#include "controller/catalogue/catalogue.h"

/* Oldest first by creation time; at the same time a parent before its children,
 * and else by name.  -1: out of memory, reported. */
int order_checkpoints (struct checkpoint_list *list);

#endif /* PULLBACK_ORDER_H */
