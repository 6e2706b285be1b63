/* SPDX-License-Identifier: BSD-3-Clause */
/* One conversation with the server, in option mode, about what it offers. */

#ifndef PULLBACK_DISCOVERY_H
#define PULLBACK_DISCOVERY_H

#include <stddef.h>

#include "plugin/exports.h"

/* What was found out about one export; it owns its strings. */
struct finding {
  char *name;
  char *description;
  bool is_usable; /* if not, the server would not tell, and the rest is void */
  uint64_t size;
  uint32_t minimum, preferred, maximum;
  bool has_allocation, has_depth, can_multi_conn;
  char **bitmaps; /* names */
  size_t bitmap_count;
};

struct findings {
  struct finding *items;
  size_t count;
  bool are_listed; /* by the server, not named by the user */
};

/* Finds out about the exports named in 'selected', or, if there are none of
 * them, about that in the URI or else all that the server lists.  An export
 * that the user named must be there.  'findings' starts as { 0 } and is to be
 * freed in any case.  -1: error reported. */
int discover (const char *const *selected, size_t selected_count,
              struct findings *findings);

void findings_free (struct findings *findings);
#define CLEANUP_FINDINGS __attribute__ ((cleanup (findings_free)))

#endif /* PULLBACK_DISCOVERY_H */
