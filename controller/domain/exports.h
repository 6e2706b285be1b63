/* SPDX-License-Identifier: BSD-3-Clause */
/* The exports that a plan's disks have: each disk as a whole, unless only its
 * changes are served, and its views, one pair for each change map. */

#ifndef PULLBACK_DOMAIN_EXPORTS_H
#define PULLBACK_DOMAIN_EXPORTS_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/domain/plan.h"

struct plan_export {
  char *name;
  size_t disk;            /* index in the plan */
  const char *checkpoint; /* of a view, the plan's; NULL: the whole disk */
  bool in_place;          /* the view's other form, NAME/inplace */
};

/* In the plan's order, a disk before its views. */
struct plan_exports {
  struct plan_export *items;
  size_t count;
};

/* -1: reported. */
int plan_exports (const struct plan *plan, struct plan_exports *exports);
void plan_exports_clear (struct plan_exports *exports);

/* Whether one belongs to what was asked for by a name: a disk's has all of its
 * views, a view's has its other form. */
bool plan_export_belongs (const struct plan_exports *exports,
                          const struct plan_export *export, const char *name);

#define CLEANUP_PLAN_EXPORTS __attribute__ ((cleanup (plan_exports_clear)))

#endif /* PULLBACK_DOMAIN_EXPORTS_H */
