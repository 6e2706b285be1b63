/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool owns its connections; a thread borrows one.  Its place is
 * empty (no handle) until first use, and again after it died. */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "common/cleanup.h"
#include "plugin/pool.h"
#include "plugin/upstream.h"

struct pool {
  const char *export_name;
  const char *context;
  uint64_t size;
  pthread_mutex_t lock;
  pthread_cond_t released;
  uint64_t failures; /* to connect, so far */
  atomic_bool lost;  /* there is no use in trying again */
  size_t count;
  struct connection connections[];
};

struct pool *
pool_new (const char *export_name, const char *context, uint64_t size,
          size_t connections)
{
  struct pool *pool;

  pool = calloc (1, sizeof *pool + connections * sizeof pool->connections[0]);
  if (pool == NULL) {
    nbdkit_error ("calloc: %s", strerror (errno));
    return NULL;
  }
  pool->export_name = export_name;
  pool->context = context;
  pool->size = size;
  pool->count = connections;
  for (size_t i = 0; i < connections; i++)
    pool->connections[i].pool = pool;
  pthread_mutex_init (&pool->lock, NULL);
  pthread_cond_init (&pool->released, NULL);
  return pool;
}

void
pool_free (struct pool *pool)
{
  if (pool == NULL)
    return;
  for (size_t i = 0; i < pool->count; i++)
    upstream_disconnect (pool->connections[i].nbd);
  pthread_cond_destroy (&pool->released);
  pthread_mutex_destroy (&pool->lock);
  free (pool);
}

/* A place that is now the caller's: rather one with a connection than one where
 * it would have to be made.  NULL: all are in use. */
static struct connection *
find_idle (struct pool *pool)
{
  struct connection *empty = NULL;

  for (size_t i = 0; i < pool->count; i++) {
    struct connection *connection = &pool->connections[i];

    if (connection->in_use)
      continue;
    if (connection->nbd)
      return connection;
    if (empty == NULL)
      empty = connection;
  }
  return empty;
}

/* Whoever waits while another fails to connect fails with it: each of them
 * trying a server that does not answer would take as many times as long. */
static struct connection *
take_place (struct pool *pool)
{
  struct connection *connection;
  uint64_t failures;

  LOCK_IN_SCOPE (&pool->lock);
  failures = pool->failures;
  while ((connection = find_idle (pool)) == NULL) {
    pthread_cond_wait (&pool->released, &pool->lock);
    if (pool->failures != failures) {
      nbdkit_error ("%s: no connection for the export '%s'",
                    upstream_address (), pool->export_name);
      return NULL;
    }
  }
  connection->in_use = true;
  return connection;
}

static void
wake_for_failure (struct pool *pool)
{
  LOCK_IN_SCOPE (&pool->lock);
  pool->failures++;
  pthread_cond_broadcast (&pool->released);
}

/* An idle server says nothing, so that anything to be read, the end of the
 * stream included, tells that the connection is over. */
static bool
is_alive (struct nbd_handle *nbd)
{
  struct pollfd idle = { .fd = nbd_aio_get_fd (nbd), .events = POLLIN };

  return nbd_aio_is_ready (nbd) == 1 && poll (&idle, 1, 0) == 0;
}

static int
check_export (struct pool *pool, struct nbd_handle *nbd)
{
  int64_t size = nbd_get_size (nbd);

  if (size < 0 || (uint64_t) size != pool->size) {
    nbdkit_error ("export '%s' had %" PRIu64 " bytes when it was discovered, "
                  "now it has %" PRIi64 ": it is not the same point in time",
                  pool->export_name, pool->size, size);
    return -1;
  }
  if (pool->context && nbd_can_meta_context (nbd, pool->context) != 1) {
    nbdkit_error ("export '%s' no longer has the metadata context '%s'",
                  pool->export_name, pool->context);
    return -1;
  }
  return 0;
}

static struct nbd_handle *
connect_to_export (struct pool *pool)
{
  CLEANUP_NBD_CLOSE struct nbd_handle *nbd = upstream_connect ();

  if (nbd == NULL)
    return NULL;
  /* One context a connection, always: QEMU 7.2 loses the thread of the
   * protocol when a block status with two of them fails. */
  if (nbd_set_export_name (nbd, pool->export_name) == -1 ||
      nbd_clear_meta_contexts (nbd) == -1 ||
      (pool->context && nbd_add_meta_context (nbd, pool->context) == -1) ||
      nbd_opt_go (nbd) == -1) {
    nbdkit_error ("%s: cannot open the export '%s': %s", upstream_address (),
                  pool->export_name, nbd_get_error ());
    /* Refused, not cut off.  What a broker's server has taken back does not
     * come again, and each attempt would stay open until the end. */
    pool->lost = upstream_is_late () && nbd_aio_is_negotiating (nbd) == 1;
    return NULL;
  }
  if (check_export (pool, nbd) == -1) {
    pool->lost = upstream_is_late ();
    return NULL;
  }
  return STEAL (nbd);
}

struct connection *
pool_borrow (struct pool *pool)
{
  CLEANUP_POOL_GIVE_BACK struct connection *connection = take_place (pool);

  if (connection == NULL)
    return NULL;
  if (connection->nbd && !is_alive (connection->nbd)) {
    nbdkit_debug ("export '%s': a connection has died", pool->export_name);
    pool_break (connection);
  }
  if (connection->nbd == NULL && pool->lost)
    nbdkit_error ("export '%s' is gone", pool->export_name);
  else if (connection->nbd == NULL)
    connection->nbd = connect_to_export (pool);
  if (connection->nbd == NULL) {
    wake_for_failure (pool);
    return NULL;
  }
  return STEAL (connection);
}

void
pool_give_back (struct connection *connection)
{
  struct pool *pool = connection->pool;

  LOCK_IN_SCOPE (&pool->lock);
  connection->in_use = false;
  pthread_cond_signal (&pool->released);
}

void
pool_break (struct connection *connection)
{
  nbd_close (STEAL (connection->nbd));
}
