/* SPDX-License-Identifier: BSD-3-Clause */
/* What clients have received of each export, by reading or by being told that
 * it reads as zeroes; as long as this process lives.
 *
 * Written is not received: a client that is killed leaves bytes in the sockets'
 * buffers that it never got, and in its own memory what it has not stored.  So
 * what a connection has sent is provisional until so many other bytes have
 * followed on it that the client must be done with it, or until the client ends
 * the connection as the protocol wants it, by NBD_CMD_DISC.  With any other end
 * what is provisional counts as never sent. */

#ifndef PULLBACK_DELIVERED_H
#define PULLBACK_DELIVERED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/relay/reclaimer.h"
#include "plugin/relay/runs.h"
#include "plugin/relay/stream.h"
#include "plugin/relay/upstream.h"

/* A client may not have stored what it was sent, while no more than this has
 * followed: nbdcopy has up to 16 MiB in hand, qemu-img up to 32.  What the
 * sockets can hold comes on top. */
#define IN_HAND_BYTES   (UINT64_C (1) << 26)
#define IN_HAND_REPLIES 16384

/* All exports. */
struct delivered;

/* One of them. */
struct delivered_export {
  struct delivered_export *next;
  char *name;
  struct export_info info;
  atomic_bool forgot; /* something that was received is missing below */
  pthread_mutex_t lock;
  /* Under the lock: */
  struct runs read; /* received as data, or as zeroes that were asked for */
  struct runs told; /* of these its base:allocation, under any name that tells
                       zeroes from other data */
};

/* Which of an export's two. */
enum delivery_kind { DELIVERED_READ, DELIVERED_TOLD };

struct delivery_item {
  struct delivered_export *export;
  enum delivery_kind kind;
  uint64_t offset, length;
  uint64_t first, last; /* of the stream's bytes, when it was sent */
};

/* What one connection has sent that is provisional. */
struct delivery {
  struct delivered *delivered;
  struct delivery *next, **place; /* of all that there are */
  struct stream *stream;
  struct delivered_export *export; /* NULL: nothing of it is counted */
  pthread_mutex_t lock;
  /* Under the lock: */
  struct delivery_item *items; /* a ring */
  size_t first, count, allocated;
  uint64_t look_at; /* of the stream's bytes, when to look what is received */
};

/* The reclaimer, if there is one, is told what was read and received, and must
 * outlive it.  NULL: errno. */
struct delivered *delivered_new (struct reclaimer *reclaimer);
/* Only when no connection is left. */
void delivered_free (struct delivered *delivered);

/* What is known of an export, which is made if there is none and 'info' is not
 * NULL.  It stays ours, and is never gone.  NULL: there is none, or no place
 * for it, which is reported. */
struct delivered_export *delivered_export (struct delivered *delivered,
                                           const char *name,
                                           const struct export_info *info);

/* A connection that reads this export; the stream must outlive it. */
void delivery_begin (struct delivery *delivery, struct delivered *delivered,
                     const char *export, const struct export_info *info,
                     struct stream *stream);

/* The last byte of a successful reply is written, so that the client has or
 * will have this range. */
void delivery_read (struct delivery *delivery, uint64_t offset,
                    uint64_t length);

/* The same of a block status made of 'source''s base:allocation. */
void delivery_told (struct delivery *delivery, const char *source,
                    const struct export_info *info, uint64_t offset,
                    uint64_t length);

/* The client says that it has received all that was sent so far. */
void delivery_confirm (struct delivery *delivery);

/* The connection has ended; what is provisional was never received. */
void delivery_end (struct delivery *delivery);

/* Adds what connections have sent of the export and is provisional. */
void delivered_add_provisional (struct delivered *delivered,
                                const struct delivered_export *export,
                                struct runs *runs);

#endif /* PULLBACK_DELIVERED_H */
