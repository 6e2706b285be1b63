/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections to one export with one metadata context (or none), shared by all
 * clients, each used by one thread at a time. */

#ifndef PULLBACK_POOL_H
#define PULLBACK_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libnbd.h>

#define POOL_CONNECTIONS_MAX 64

struct pool;

/* Borrowed: only its borrower touches it. */
struct connection {
  struct nbd_handle *nbd;
  struct pool *pool;
  bool in_use; /* the pool's */
};

/* 'export_name' and 'context' (NULL: none) stay the caller's and outlive the
 * pool.  A connection that finds another size than 'size' is refused: the
 * export is no longer the one that was discovered.  NULL: error reported. */
struct pool *pool_new (const char *export_name, const char *context,
                       uint64_t size, size_t connections);
void pool_free (struct pool *pool);

/* One of the pool's connections, made if there is none yet or if it has died;
 * waits while all are in use.  NULL: error reported. */
struct connection *pool_borrow (struct pool *pool);
void pool_give_back (struct connection *connection);

/* A connection that cannot be used on, to be given back all the same: commands
 * in flight are dropped, and the next borrower makes a new one. */
void pool_break (struct connection *connection);

static inline void
cleanup_pool_give_back (struct connection **connection)
{
  if (*connection)
    pool_give_back (*connection);
}
#define CLEANUP_POOL_GIVE_BACK                                                 \
  __attribute__ ((cleanup (cleanup_pool_give_back)))

#endif /* PULLBACK_POOL_H */
