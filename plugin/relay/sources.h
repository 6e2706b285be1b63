/* SPDX-License-Identifier: BSD-3-Clause */
/* Maps of base:allocation of the server's exports, fetched through libnbd on
 * first use and kept for the life of the process: the exports are immutable. */

#ifndef PULLBACK_SOURCES_H
#define PULLBACK_SOURCES_H

#include <stdint.h>

#include "plugin/map.h"
#include "plugin/relay/address.h"

struct sources;

/* 'server' must outlive it.  NULL: errno. */
struct sources *sources_new (const struct address *server);

/* Only when no thread uses one of the maps any more. */
void sources_free (struct sources *sources);

/* The map of an export, which must have 'size' bytes when it is first fetched.
 * It stays ours.  Never connects by itself.  NULL: reported. */
struct map *sources_map (struct sources *sources, const char *export,
                         uint64_t size);

/* The same, if anybody has asked for it before; else NULL. */
struct map *sources_find (struct sources *sources, const char *export,
                          uint64_t size);

#endif /* PULLBACK_SOURCES_H */
