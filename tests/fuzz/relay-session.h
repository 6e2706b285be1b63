/* SPDX-License-Identifier: BSD-3-Clause */
/* One relay from its beginning to its end, in this process, with one client
 * that sends what it is told and a server behind that says what it is told. */

#ifndef PULLBACK_RELAY_SESSION_H
#define PULLBACK_RELAY_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the relay is started. */
enum session_kind {
  SESSION_USUAL,
  SESSION_NARROW, /* two requests and 100000 bytes in flight */
  SESSION_TLS_ALLOWED,
  SESSION_TLS_REQUIRED,
};

/* Speaks to the relay as the server, on its connection of that number (from 0
 * on), until it returns or the descriptor is shut down.  Several may run at the
 * same time, each in a thread.  The caller closes the descriptor. */
typedef void (*serve_function) (const void *opaque, unsigned number, int fd);

struct session {
  enum session_kind kind;
  /* What the client sends; it then closes its direction. */
  const uint8_t *sent;
  size_t sent_length;
  serve_function serve;
  const void *opaque; /* for 'serve' */

  /* The results: what the client got, valid until the next session. */
  const uint8_t *got;
  size_t got_length;
  bool cut; /* there was more of it than the client listens to */
};

/* Everything is closed, joined and freed when it returns. */
void session_run (struct session *session);

#endif /* PULLBACK_RELAY_SESSION_H */
