/* SPDX-License-Identifier: BSD-3-Clause */
/* An honest server behind the relay, whose every byte is known: a disk with two
 * views of it, and a large one of nothing but zeroes in large blocks. */

#ifndef PULLBACK_RELAY_ORIGIN_H
#define PULLBACK_RELAY_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct origin_export {
  const char *name;
  uint64_t size;
  uint16_t flags;            /* of the transmission */
  uint32_t minimum, maximum; /* block sizes */
  const uint8_t *extents;    /* base:allocation of each ORIGIN_EXTENT */
  size_t extent_count;       /* the last one goes on to the end */
  bool zeroes;               /* all of it, whatever a view's extents say */
  const struct origin_export *described; /* by this one, which is a map */
};

#define ORIGIN_EXTENT 32768

/* NULL: there is none of that name. */
const struct origin_export *origin_find (const void *name, size_t length);

/* The bytes there: at most ORIGIN_EXTENT of them, inside the export, for as
 * long as the process lives. */
const uint8_t *origin_bytes (const struct origin_export *export,
                             uint64_t offset);

/* Whether reading the range fails. */
bool origin_fails (const struct origin_export *export, uint64_t offset,
                   uint64_t length);

/* The one thing that it can be made to lie about: the maps of its exports as
 * bytes (plugin/map-export.h), which it then has.  Each segment has an equal
 * part of the bytes. */
struct origin_map {
  const uint8_t *bytes;
  size_t length;
  bool is_flawed; /* the header, too, is made of them */
};

/* A serve_function; 'opaque' is a struct origin_map, or NULL for an honest
 * server without maps. */
void origin_serve (const void *opaque, unsigned number, int fd);

#endif /* PULLBACK_RELAY_ORIGIN_H */
