/* SPDX-License-Identifier: BSD-3-Clause */
/* The transmission phase of one client, shared by its two threads: one reads
 * requests and hands reads on to the server, one brings the server's replies
 * back.  Each waits for its own peer only by blocking, so that a slow side
 * slows its own connection down and nobody else's. */

#ifndef PULLBACK_TRANSMISSION_H
#define PULLBACK_TRANSMISSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/map.h"
#include "plugin/relay/connection.h"
#include "plugin/relay/reply.h"

/* Reads in flight; further requests wait in the client's socket. */
#define SLOTS MAX_REQUESTS_IN_FLIGHT

/* A client's request that several requests to the server make up; owned by all
 * of them together.  The reply ends with the last. */
struct split {
  struct reply_to to;
  unsigned pieces;      /* unfinished, the maker of them counting as one */
  enum nbd_error error; /* of the first that failed */
};

/* A request that the server works on.  Its cookie there is ours: the client may
 * use one twice. */
struct slot {
  bool used;
  uint32_t generation; /* of the cookie; a stale reply is thus seen */
  struct reply_to to;  /* the client's request */
  uint16_t type;       /* NBD_CMD_READ or NBD_CMD_CACHE */
  uint64_t offset;     /* what is read for it */
  uint32_t length;
  struct split *split; /* NULL: this is all of it */
};

/* Bytes that come back. */
static inline uint32_t
slot_payload (const struct slot *slot)
{
  return slot->type == NBD_CMD_READ ? slot->length : 0;
}

struct transmission {
  struct connection *connection;
  struct reply_writer writer;
  struct delivery delivery;
  struct map *map; /* of what reads as zeroes; NULL while there is none */

  pthread_mutex_t lock;
  pthread_cond_t changed;
  /* Under the lock: */
  struct slot slots[SLOTS];
  unsigned in_flight;
  uint64_t bytes_in_flight;
  bool upstream_gone; /* no slot is taken any more */
  bool client_gone;
};

enum slot_result { SLOT_TAKEN, SLOT_UPSTREAM_GONE, SLOT_CLIENT_GONE };

/* Waits for a free slot and for room for its bytes, and counts it as a piece if
 * it is one. *upstream_cookie is what the server shall echo. */
enum slot_result slots_take (struct transmission *transmission,
                             const struct slot *read,
                             uint64_t *upstream_cookie);

/* The read that a reply belongs to; it stays in flight.  false: none. */
bool slots_find (struct transmission *transmission, uint64_t upstream_cookie,
                 struct slot *read);

/* Its reply is complete. */
void slots_release (struct transmission *transmission,
                    uint64_t upstream_cookie);

/* Takes any read in flight, of a server that is gone.  false: none is left. */
bool slots_abandon (struct transmission *transmission, struct slot *read);

/* No slot will be taken any more; those in flight are left. */
void slots_upstream_gone (struct transmission *transmission);

/* Nobody is left to answer: no slot is taken any more. */
void slots_client_gone (struct transmission *transmission);

/* Something is in flight. */
bool slots_busy (struct transmission *transmission);

/* Until nothing is in flight; false: nothing was, or nobody waits for it. */
bool slots_drain (struct transmission *transmission);

/* One that has no pieces yet.  NULL: out of memory. */
struct split *split_new (const struct reply_to *to);

/* A piece is finished with this result (its content is written), or, at the
 * end, the making of pieces.  The last one answers.  -1: the client is gone. */
int split_leave (struct transmission *transmission, struct split *split,
                 enum nbd_error error);

/* Hands a request on to the server, as soon as there is room for it. */
enum slot_result send_upstream (struct transmission *transmission,
                                const struct slot *slot);

/* READ of a range inside the export that is not empty, as a whole or, where it
 * is long or known to have zeroes in it, in pieces; and CACHE.  -1: the client
 * is gone. */
int read_range (struct transmission *transmission, const struct reply_to *to,
                uint64_t length, uint16_t flags);
int cache_range (struct transmission *transmission, const struct reply_to *to,
                 uint64_t length);

/* The thread that moves replies; 'opaque' is the transmission. */
void *replies_thread (void *opaque);

#endif /* PULLBACK_TRANSMISSION_H */
