/* SPDX-License-Identifier: BSD-3-Clause */
/* The metadata contexts that a backup's exports have beside those that the
 * relay finds by itself. */

#ifndef PULLBACK_CONTEXTS_H
#define PULLBACK_CONTEXTS_H

#include "controller/datapath/datapath.h"
#include "controller/domain/plan.h"

/* Owns the strings of 'name' and 'view'; those of 'export_name' are the plan's.
 */
struct contexts {
  struct datapath_context *list;
  size_t count;
};

/* -1: reported; it is to be cleared all the same. */
int contexts_of (const struct plan *plan, struct contexts *contexts);
void contexts_clear (struct contexts *contexts);
#define CLEANUP_CONTEXTS __attribute__ ((cleanup (contexts_clear)))

#endif /* PULLBACK_CONTEXTS_H */
