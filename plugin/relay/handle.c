/* SPDX-License-Identifier: BSD-3-Clause */
/* libnbd handles that wait no longer than a time limit. */

#include "config.h"

#include <stdbool.h>
#include <time.h>

#include "common/cleanup.h"
#include "plugin/relay/handle.h"
#include "plugin/relay/message.h"

/* A server that says nothing for so long is taken for dead. */
#define TIME_LIMIT 60 /* seconds */

static int
report (const char *export, const char *text)
{
  message ("export '%s': %s", export, text);
  return -1;
}

/* Not the time of day, which can be set meanwhile. */
static time_t
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

int
handle_run (struct nbd_handle *nbd, const char *export,
            bool (*done) (struct nbd_handle *, void *), void *opaque,
            bool *is_silent)
{
  const time_t limit = now () + TIME_LIMIT;

  while (!done (nbd, opaque)) {
    if (nbd_aio_is_dead (nbd) || nbd_aio_is_closed (nbd))
      return report (export, "upstream has closed the connection");
    if (now () >= limit) {
      if (is_silent)
        *is_silent = true;
      return report (export, "upstream does not answer");
    }
    if (nbd_poll (nbd, 1000) == -1)
      return report (export, nbd_get_error ());
  }
  return 0;
}

static bool
is_ready (struct nbd_handle *nbd, void *opaque)
{
  (void) opaque;
  return nbd_aio_is_ready (nbd);
}

/* There is only one at a time; its result is fetched afterwards. */
static bool
is_completed (struct nbd_handle *nbd, void *opaque)
{
  (void) opaque;
  return nbd_aio_peek_command_completed (nbd) > 0;
}

static int
start (struct nbd_handle *nbd, const struct address *server, const char *export,
       const char *context)
{
  CLEANUP_CLOSE int fd = address_connect (server);

  if (fd == -1)
    return -1;
  if (nbd_set_export_name (nbd, export) == -1 ||
      (context && nbd_add_meta_context (nbd, context) == -1) ||
      nbd_aio_connect_socket (nbd, fd) == -1)
    return report (export, nbd_get_error ());
  STEAL_FD (fd);
  return handle_run (nbd, export, is_ready, NULL, NULL);
}

struct nbd_handle *
handle_connect (const struct address *server, const char *export,
                const char *context)
{
  struct nbd_handle *nbd = nbd_create ();

  if (nbd == NULL) {
    report (export, nbd_get_error ());
    return NULL;
  }
  if (start (nbd, server, export, context) == 0)
    return nbd;
  nbd_close (nbd);
  return NULL;
}

int
handle_wait (struct nbd_handle *nbd, const char *export, int64_t cookie)
{
  if (cookie == -1)
    return report (export, nbd_get_error ());
  if (handle_run (nbd, export, is_completed, NULL, NULL) == -1)
    return -1;
  if (nbd_aio_command_completed (nbd, cookie) == -1)
    return report (export, nbd_get_error ());
  return 0;
}
