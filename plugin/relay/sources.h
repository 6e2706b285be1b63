/* SPDX-License-Identifier: BSD-3-Clause */
/* Maps of base:allocation of the server's exports, fetched through libnbd on
 * first use and kept for the life of the process: the exports are immutable. */

#ifndef PULLBACK_SOURCES_H
#define PULLBACK_SOURCES_H

#include "plugin/map.h"
#include "plugin/relay/address.h"
#include "plugin/relay/upstream.h"

struct sources;

/* 'server' must outlive it.  NULL: errno. */
struct sources *sources_new (const struct address *server);

/* Only when no thread uses one of the maps any more. */
void sources_free (struct sources *sources);

/* The map of an export, which must have the size of 'info' when it is first
 * fetched; extents are multiples of the minimum block size there.  It stays
 * ours.  Never connects by itself.  NULL: reported. */
struct map *sources_map (struct sources *sources, const char *export,
                         const struct export_info *info);

/* The same, if anybody has asked for it before; else NULL. */
struct map *sources_find (struct sources *sources, const char *export,
                          const struct export_info *info);

#endif /* PULLBACK_SOURCES_H */
