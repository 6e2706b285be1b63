/* SPDX-License-Identifier: BSD-3-Clause */
/* One export of the server's whose map is fetched: its connection, and the two
 * ways of asking on it. */

#ifndef PULLBACK_SOURCE_H
#define PULLBACK_SOURCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libnbd.h>

#include "plugin/map.h"
#include "plugin/relay/address.h"

#define SOURCE_CONTEXT LIBNBD_CONTEXT_BASE_ALLOCATION

struct source {
  struct source *next; /* in the list of sources */
  const struct address *server;
  char *export;
  uint64_t size;
  uint32_t minimum; /* block size */
  struct map *map;

  pthread_mutex_t lock;   /* of all that follows */
  struct nbd_handle *nbd; /* NULL until needed */
  bool has_map_export;    /* which 'nbd' has then opened */
  bool is_silent;         /* it does not answer */
  uint64_t next_read;     /* the segment after those that were read last */
  unsigned windows_ahead; /* that upstream is preparing */
  uint64_t next_ahead;    /* the first segment that it was not told of */
  size_t segment_bytes;   /* of the segment that was read last */
};

/* Fills the map: a map_fetch, of a source. */
int source_fetch (void *source, uint64_t offset, uint64_t length,
                  struct map_builder *builder);

/* Says what is wrong with it.  Returns -1. */
int source_report (const struct source *source, const char *text);

/* Waits for a command, given its number by libnbd (-1: it could not be sent).
 * -1: reported, also if it failed. */
int source_wait (struct source *source, int64_t command);

/* Ends the connection, if there is one: who has a command under way, or has
 * lost track of one, does so before what it writes to is gone. */
void source_disconnect (struct source *source);

/* Whether what was opened on a connection, and is as large as a map export, is
 * the source's: if not so, upstream has none, and why is reported. */
bool source_check_map (struct source *source);

/* Both fetch the range, or of the former as much as one request can ask for,
 * and need a connection to the export itself or to its map.  The lock is held.
 * -1: reported, and disconnected. */
int source_ask (struct source *source, uint64_t offset, uint64_t length,
                struct map_builder *builder);
int source_read_map (struct source *source, uint64_t offset, uint64_t length,
                     struct map_builder *builder);

#endif /* PULLBACK_SOURCE_H */
