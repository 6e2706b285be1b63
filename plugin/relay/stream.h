/* SPDX-License-Identifier: BSD-3-Clause */
/* A connected byte stream: reading and writing whole messages, under a time
 * limit while there is one.  All bytes of a peer pass here, so that what is
 * below (a socket) is known to this file alone.
 *
 * One thread may read while another writes. */

#ifndef PULLBACK_STREAM_H
#define PULLBACK_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <sys/uio.h>

#include <gnutls/gnutls.h>

struct stream {
  int fd;       /* owned by the stream's maker */
  int drain_fd; /* readable when the server drains; -1: never */
  bool limited; /* 'deadline' counts */
  struct timespec deadline;
  unsigned idle;        /* seconds; 0: no limit */
  gnutls_session_t tls; /* owned; NULL: none */
  int pull_error;       /* why TLS got no more bytes, if it did not; errno */
  bool interruptible;   /* by the drain, what TLS reads */
  _Atomic uint64_t written; /* bytes, before TLS has made more of them */
  size_t start, end;        /* what of 'buffer' is read ahead */
  uint8_t buffer[512];
};

void stream_init (struct stream *stream, int fd, int drain_fd);

/* Everything must be done within this many seconds from now; 0: no limit. */
void stream_set_time_limit (struct stream *stream, unsigned seconds);

/* Without a time limit: the peer must not leave us waiting longer than this for
 * it to send or take a byte. */
void stream_set_idle_limit (struct stream *stream, unsigned seconds);

/* Reads exactly 'length' bytes.  -1: errno is ETIMEDOUT, ECONNRESET for a peer
 * that closed, or what the system says.  If the peer has sent nothing of this
 * message, it is ESHUTDOWN when the server drains, EAGAIN when the peer was
 * idle for too long. */
int stream_read (struct stream *stream, void *data, size_t length);

/* Reads and forgets. */
int stream_skip (struct stream *stream, uint64_t length);

/* Bytes were read ahead that nobody has asked for. */
bool stream_has_unread (const struct stream *stream);

/* Writes all of it, changing 'parts'.  -1: errno, as above. */
int stream_writev (struct stream *stream, struct iovec *parts, int count);
int stream_write (struct stream *stream, const void *data, size_t length);

/* All bytes from now on go through this session, which is the stream's then, in
 * the handshake too. */
void stream_set_tls (struct stream *stream, gnutls_session_t session);

/* What TLS was waiting for did not come. */
bool stream_is_over (const struct stream *stream);

/* Ends TLS as TLS wants it, within a moment; the socket stays open. */
void stream_end_tls (struct stream *stream);

/* The most that can be written and still be on its way to the peer, in the
 * sockets at both ends, as far as that can be known here. */
uint64_t stream_capacity (const struct stream *stream);

/* Whether stream_splice works: not through TLS. */
bool stream_can_splice (const struct stream *stream);

/* Moves 'length' bytes from a pipe that holds them; 'more' says that other
 * bytes will follow at once. */
int stream_splice (struct stream *stream, int pipe_fd, size_t length,
                   bool more);

/* Ends the connection for both threads; what they wait for fails.  The
 * descriptor stays the owner's. */
void stream_shutdown (struct stream *stream);

#endif /* PULLBACK_STREAM_H */
