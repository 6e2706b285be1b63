/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the first bytes of an export, as a client does. */

#include <config.h>

#include <stdint.h>
#include <time.h>

#include <libnbd.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/datapath/probe.h"

static void
cleanup_nbd_close (struct nbd_handle **nbd)
{
  nbd_close (*nbd);
}

/* A QEMU or a data path that hangs must not keep a backup from being ended. */
#define LIMIT_SECONDS 30

static time_t
seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

/* Until the connection is made ('cookie' 0) or the command is completed. */
static int
wait_for (struct nbd_handle *nbd, int64_t cookie)
{
  const time_t deadline = seconds () + LIMIT_SECONDS;
  int done = 0;

  while (!done) {
    if (seconds () >= deadline)
      return fail (ERROR_QEMU, "no answer within %d seconds", LIMIT_SECONDS);
    if (nbd_poll (nbd, 1000) == -1)
      return fail (ERROR_QEMU, "%s", nbd_get_error ());
    done = cookie ? nbd_aio_command_completed (nbd, cookie)
                  : nbd_aio_is_ready (nbd);
    if (!cookie && (nbd_aio_is_dead (nbd) || nbd_aio_is_closed (nbd)))
      done = -1;
  }
  return done == 1 ? 0 : fail (ERROR_QEMU, "%s", nbd_get_error ());
}

int
probe_export (const char *socket, const char *export_name)
{
  __attribute__ ((cleanup (cleanup_nbd_close))) struct nbd_handle *nbd =
      nbd_create ();
  static const char what[] = "export '%s' can no longer be read";
  char bytes[512];
  int64_t size, cookie;

  if (nbd == NULL || nbd_set_export_name (nbd, export_name) == -1 ||
      nbd_aio_connect_unix (nbd, socket) == -1)
    return fail (ERROR_QEMU, "export '%s': %s", export_name, nbd_get_error ());
  if (wait_for (nbd, 0) == -1)
    return fail_prefix (what, export_name);
  size = nbd_get_size (nbd);
  if (size < (int64_t) sizeof bytes)
    return size == -1 ? fail (ERROR_QEMU, "export '%s': %s", export_name,
                              nbd_get_error ())
                      : 0;
  cookie = nbd_aio_pread (nbd, bytes, sizeof bytes, 0, NBD_NULL_COMPLETION, 0);
  if (cookie == -1)
    return fail (ERROR_QEMU, "export '%s': %s", export_name, nbd_get_error ());
  return wait_for (nbd, cookie) == -1 ? fail_prefix (what, export_name) : 0;
}
