/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the first bytes of an export, as a client does. */

#include <config.h>

#include <stdint.h>

#include <libnbd.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/datapath/probe.h"

static void
cleanup_nbd_close (struct nbd_handle **nbd)
{
  nbd_close (*nbd);
}

int
probe_export (const char *socket, const char *export_name)
{
  __attribute__ ((cleanup (cleanup_nbd_close))) struct nbd_handle *nbd =
      nbd_create ();
  char bytes[512];
  int64_t size;

  if (nbd == NULL || nbd_set_export_name (nbd, export_name) == -1 ||
      nbd_connect_unix (nbd, socket) == -1 || (size = nbd_get_size (nbd)) == -1)
    return fail (ERROR_QEMU, "export '%s': %s", export_name, nbd_get_error ());
  if (size >= (int64_t) sizeof bytes &&
      nbd_pread (nbd, bytes, sizeof bytes, 0, 0) == -1)
    return fail (ERROR_QEMU, "export '%s' can no longer be read: %s",
                 export_name, nbd_get_error ());
  nbd_shutdown (nbd, 0);
  return 0;
}
