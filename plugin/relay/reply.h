/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies to the client, in the kind that it negotiated.  Both threads of a
 * connection write them; a lock keeps each whole. */

#ifndef PULLBACK_REPLY_H
#define PULLBACK_REPLY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/relay/protocol.h"
#include "plugin/relay/stream.h"

struct reply_writer {
  struct stream *stream; /* the client's */
  bool structured;
  pthread_mutex_t lock;

  /* Under the lock: the end of the last reply, which waits to be sent with the
   * beginning of the next one. */
  struct nbd_chunk held;
  bool holds;
};

void reply_init (struct reply_writer *writer, struct stream *stream,
                 bool structured);
void reply_destroy (struct reply_writer *writer);

/* All of these return -1 if the client is gone. */

/* The request has failed, for this reason; 'text' has at most NBD_MAX_STRING
 * bytes. */
int reply_error (struct reply_writer *writer, uint64_t cookie,
                 enum nbd_error error, const char *text);

/* Success without content. */
int reply_success (struct reply_writer *writer, uint64_t cookie);

/* A metadata context's part of the answer to a structured client; 'last' if no
 * other follows. */
int reply_block_status (struct reply_writer *writer, uint64_t cookie,
                        uint32_t context,
                        const struct nbd_block_descriptor *extents,
                        size_t count, bool last);

/* The bytes read, all at hand. */
int reply_data (struct reply_writer *writer, uint64_t cookie, uint64_t offset,
                const void *data, uint32_t length);

/* The bytes read, still coming.  reply_data_begin takes the lock, also when it
 * fails, and reply_data_end lets it go; in between, exactly 'length' bytes are
 * written to the stream.  reply_data_end (error) tells that they are not to be
 * relied upon: -1 for a client without structured replies, who can only be
 * disconnected.  The end of a success is held back: reply_flush sends it, at
 * the latest when nothing else is to come soon. */
int reply_data_begin (struct reply_writer *writer, uint64_t cookie,
                      uint64_t offset, uint32_t length);
int reply_data_end (struct reply_writer *writer, uint64_t cookie,
                    enum nbd_error error);
int reply_flush (struct reply_writer *writer);

#endif /* PULLBACK_REPLY_H */
