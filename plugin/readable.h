/* SPDX-License-Identifier: BSD-3-Clause */
/* Which bytes of a view can be read at all. */

#ifndef PULLBACK_READABLE_H
#define PULLBACK_READABLE_H

#include "plugin/exports.h"

/* Whether the byte at 'offset' can be read as far as what changed decides, 1 or
 * 0; so can or cannot all before *end, which becomes less where it must.  -1: a
 * map cannot be had; reported, errno. */
int readable_by_changes (const struct view *view, uint64_t offset,
                         uint64_t *end);

/* The same, and it has not been reclaimed. */
int readable (const struct view *view, uint64_t offset, uint64_t *end);

/* Enters for a read if all of the range can be read.  -1: it cannot, and the
 * error is reported and nbdkit's. */
int readable_enter (const struct view *view, struct reclaim_user *user,
                    uint64_t offset, uint32_t length);

#endif /* PULLBACK_READABLE_H */
