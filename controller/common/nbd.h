/* SPDX-License-Identifier: BSD-3-Clause */
/* Waits for an NBD server no longer than a time limit: one that hangs must not
 * keep a backup from being begun or ended. */

#ifndef PULLBACK_NBD_H
#define PULLBACK_NBD_H

#include <stdint.h>

#include <libnbd.h>

/* Until the handle, which connects, can be given commands.  -1: reported. */
int nbd_wait_ready (struct nbd_handle *nbd);

/* Until the command is completed, which it then no longer is.  A cookie of -1
 * is one that could not be given.  -1: it failed; reported. */
int nbd_wait_command (struct nbd_handle *nbd, int64_t cookie);

static inline void
cleanup_nbd_close (struct nbd_handle **nbd)
{
  nbd_close (*nbd);
}
#define CLEANUP_NBD_CLOSE __attribute__ ((cleanup (cleanup_nbd_close)))

#endif /* PULLBACK_NBD_H */
