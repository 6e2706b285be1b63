/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies to the client, in the kind that it negotiated.  Both threads of a
 * connection write them; a lock keeps each whole. */

#ifndef PULLBACK_REPLY_H
#define PULLBACK_REPLY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/relay/delivered.h"
#include "plugin/relay/protocol.h"
#include "plugin/relay/stream.h"

/* What the client has negotiated, the better the greater. */
enum reply_kind { REPLY_SIMPLE, REPLY_STRUCTURED, REPLY_EXTENDED };

/* What of a request its replies repeat; and how many bytes a READ is for, with
 * other requests 0. */
struct reply_to {
  uint64_t cookie;
  uint64_t offset;
  uint64_t length;
};

struct reply_header {
  size_t size; /* of it on the wire */
  union {
    struct nbd_simple_reply simple;
    struct nbd_chunk structured;
    struct nbd_extended_chunk extended;
  } wire;
};

struct reply_writer {
  struct stream *stream;     /* the client's */
  struct delivery *delivery; /* of what was read by it */
  enum reply_kind kind;
  pthread_mutex_t lock;

  /* Under the lock: the end of the last reply, which waits to be sent with the
   * beginning of the next one. */
  struct reply_header held; /* size 0: nothing */
  struct reply_to held_to;
};

/* Stream and delivery must outlive it. */
void reply_init (struct reply_writer *writer, struct stream *stream,
                 struct delivery *delivery, enum reply_kind kind);
void reply_destroy (struct reply_writer *writer);

/* All of these return -1 if the client is gone. */

/* The request has failed, for this reason; 'text' has at most NBD_MAX_STRING
 * bytes. */
int reply_error (struct reply_writer *writer, const struct reply_to *to,
                 enum nbd_error error, const char *text);

/* Success without content. */
int reply_success (struct reply_writer *writer, const struct reply_to *to);

/* The bytes of one descriptor of a block status. */
static inline size_t
block_descriptor_size (enum reply_kind kind)
{
  return kind == REPLY_EXTENDED ? sizeof (struct nbd_extended_block_descriptor)
                                : sizeof (struct nbd_block_descriptor);
}

/* A metadata context's part of the answer, not to a client with simple replies.
 * 'descriptors' are those of the kind of reply; 'last' if no other context
 * follows. */
int reply_block_status (struct reply_writer *writer, const struct reply_to *to,
                        uint32_t context, const void *descriptors, size_t count,
                        bool last);

/* The bytes read at 'offset', all at hand; 'last' if nothing else belongs to
 * the reply, as is always so with simple ones. */
int reply_data (struct reply_writer *writer, const struct reply_to *to,
                uint64_t offset, const void *data, uint32_t length, bool last);

/* A part of the bytes read that is zeroes; not to a client with simple replies,
 * and never the last. */
int reply_hole (struct reply_writer *writer, const struct reply_to *to,
                uint64_t offset, uint32_t length);

/* The bytes read, still coming.  reply_data_begin takes the lock, also when it
 * fails, and reply_data_end lets it go; in between, exactly 'length' bytes are
 * written to the stream.  reply_data_end (error) tells that they are not to be
 * relied upon: -1 for a client without structured replies, who can only be
 * disconnected.  Unless this is the last of the reply, it only lets go, and the
 * reply is ended by reply_success or reply_error.  The end of a success is held
 * back: reply_flush sends it, at the latest when nothing else is to come
 * soon. */
int reply_data_begin (struct reply_writer *writer, const struct reply_to *to,
                      uint64_t offset, uint32_t length);
int reply_data_end (struct reply_writer *writer, const struct reply_to *to,
                    enum nbd_error error, bool last);
int reply_flush (struct reply_writer *writer);

/* The client disconnects, and has received what is written. */
void reply_confirm (struct reply_writer *writer);

#endif /* PULLBACK_REPLY_H */
