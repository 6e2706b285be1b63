/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a libnbd handle until what is waited for has come, or a time limit. */

#include <config.h>

#include <time.h>

#include "controller/common/error.h"
#include "controller/common/nbd.h"

#define LIMIT_SECONDS 30

static time_t
seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

/* Whether the connection is made ('cookie' 0) or the command is completed; -1
 * if it cannot be any more. */
static int
is_done (struct nbd_handle *nbd, int64_t cookie)
{
  if (cookie)
    return nbd_aio_command_completed (nbd, cookie);
  if (nbd_aio_is_dead (nbd) || nbd_aio_is_closed (nbd))
    return -1;
  return nbd_aio_is_ready (nbd);
}

static int
wait_for (struct nbd_handle *nbd, int64_t cookie)
{
  const time_t deadline = seconds () + LIMIT_SECONDS;
  int done;

  /* Another command's wait may have completed this one: that comes first. */
  while ((done = is_done (nbd, cookie)) == 0) {
    if (seconds () >= deadline)
      return fail (ERROR_QEMU, "no answer within %d seconds", LIMIT_SECONDS);
    if (nbd_poll (nbd, 1000) == -1)
      return fail (ERROR_QEMU, "%s", nbd_get_error ());
  }
  return done == 1 ? 0 : fail (ERROR_QEMU, "%s", nbd_get_error ());
}

int
nbd_wait_ready (struct nbd_handle *nbd)
{
  return wait_for (nbd, 0);
}

int
nbd_wait_command (struct nbd_handle *nbd, int64_t cookie)
{
  return cookie == -1 ? fail (ERROR_QEMU, "%s", nbd_get_error ())
                      : wait_for (nbd, cookie);
}
