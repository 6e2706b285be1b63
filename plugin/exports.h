/* SPDX-License-Identifier: BSD-3-Clause */
/* The exports that the NBD server offers, their bitmaps, and the views that are
 * made of them.  All live until the plugin is unloaded and are only added to,
 * so that pointers to them stay good. */

#ifndef PULLBACK_EXPORTS_H
#define PULLBACK_EXPORTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/map.h"
#include "plugin/pool.h"
#include "plugin/reclaim.h"

/* What comes from the server is bounded. */
#define EXPORTS_MAX    1000
#define BITMAPS_MAX    1000 /* of one export */
#define NAME_MAX_BYTES 4096 /* of any string of the protocol */

/* A frozen change map: the context qemu:dirty-bitmap:NAME. */
struct bitmap {
  char *name;
  char *context;
  struct export *export;
  struct pool *pool;
  struct map *map;         /* of both views: see extents_fetch_changes */
  atomic_size_t questions; /* whether a change reads as zeroes, so far */
  struct bitmap *next;
};

struct export
{
  char *name;
  char *description; /* the server's, or NULL */
  uint64_t size;
  uint32_t minimum, preferred, maximum; /* block sizes, 0 if not told */
  bool has_allocation;                  /* it offers base:allocation */
  bool has_depth;                       /* and qemu:allocation-depth */
  bool changes_only;       /* nothing but what its bitmaps have can be read */
  struct reclaim *reclaim; /* of what clients trim; NULL: nobody may */
  /* Of a read that is refused: once. */
  atomic_bool complained_of_clean, complained_of_reclaimed;
  struct pool *data;
  struct pool *allocation;
  struct pool *depth;
  struct map *map; /* flags of base:allocation */
  struct bitmap *bitmaps;
  struct export *next;
};

/* What a client opens. */
enum view_kind {
  VIEW_MAIN,     /* EXPORT: the real allocation */
  VIEW_CHANGES,  /* EXPORT@BITMAP: to write an overlay */
  VIEW_IN_PLACE, /* EXPORT@BITMAP/inplace: to update a copy */
  VIEW_READABLE  /* EXPORT@/readable, not listed: what can be read at all */
};

struct view {
  enum view_kind kind;
  struct export *export;
  struct bitmap *bitmap; /* of the two in the middle */
  bool is_map;           /* what is opened is its map, as bytes */
};

/* Restricts discovery to the exports so named, before it.  'name' stays the
 * caller's.  -1: error reported. */
int exports_select (const char *name);

/* Says that of the export so named, before discovery, the server has only what
 * changed, so that it has no main view.  As above. */
int exports_set_changes_only (const char *name);

/* Lets clients of all exports, before discovery, trim what they have read for
 * good.  'folder' (see reclaim.h) stays the caller's. */
void exports_set_reclaim (const char *folder);

/* How many connections to an export read data. */
void exports_set_connections (size_t connections);

/* Asks the server for what is new in its exports.  -1: error reported. */
int exports_discover (void);

/* The same, unless exports are known already. */
int exports_discover_first (void);

/* What the name stands for, asking the server if it is not known: a view, or
 * the map of one that tells extents.  -1: error reported. */
int exports_find (const char *name, struct view *view);

/* Calls for each view that is listed, until a call returns other than 0, and
 * returns that. */
int exports_foreach (int (*call) (const struct view *view, void *opaque),
                     void *opaque);

/* The export's name if it is the only one, else NULL. */
const char *exports_default (void);

/* Whether it has extents that never change, and so a map. */
bool view_has_map (const struct view *view);

/* NULL: out of memory (errno).  Both are the caller's to free. */
char *view_name (const struct view *view);
char *view_description (const struct view *view);

void exports_free (void);

#endif /* PULLBACK_EXPORTS_H */
