/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the NBD server is, and how a connection to it begins.  The settings are
 * made once, before the first connection. */

#ifndef PULLBACK_UPSTREAM_H
#define PULLBACK_UPSTREAM_H

#include <stdbool.h>

#include <libnbd.h>

/* A server that does not answer for so long while a connection is made is taken
 * for one that never will. */
#define UPSTREAM_SECONDS 10

enum upstream_kind {
  UPSTREAM_URI,    /* an NBD URI */
  UPSTREAM_SOCKET, /* the path of the server's Unix socket */
  UPSTREAM_BROKER, /* the path of a Unix socket that hands out connections */
};

/* 'address' stays the caller's. */
void upstream_set (enum upstream_kind kind, const char *address);

/* Whether the server may come up after us, as behind a broker. */
bool upstream_is_late (void);

/* A new connection, negotiating options.  NULL: error reported. */
struct nbd_handle *upstream_connect (void);

/* Ends a connection (or NULL), in the way that suits the server. */
void upstream_disconnect (struct nbd_handle *nbd);

/* The server's address, for messages. */
const char *upstream_address (void);

static inline void
cleanup_upstream_disconnect (struct nbd_handle **nbd)
{
  upstream_disconnect (*nbd);
}
#define CLEANUP_UPSTREAM_DISCONNECT                                            \
  __attribute__ ((cleanup (cleanup_upstream_disconnect)))

/* Closes without a word: for a connection on which something went wrong. */
static inline void
cleanup_nbd_close (struct nbd_handle **nbd)
{
  nbd_close (*nbd);
}
#define CLEANUP_NBD_CLOSE __attribute__ ((cleanup (cleanup_nbd_close)))

#endif /* PULLBACK_UPSTREAM_H */
