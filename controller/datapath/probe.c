/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads a few bytes of an export, as a client does. */

#include <config.h>

#include <stdint.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/common/nbd.h"
#include "controller/datapath/probe.h"

#define STATE_CLEAN LIBNBD_STATE_HOLE /* and not LIBNBD_STATE_ZERO */

/* How much of a map is asked for at once: no more than a request can say. */
#define AT_ONCE (UINT64_C (1) << 30)

/* What an answer about the range tells: where the first change is, or where the
 * answer ends. */
struct search {
  uint64_t position;
  bool found;
};

static int
look_for_change (void *opaque, const char *context, uint64_t offset,
                 uint32_t *entries, size_t nr_entries, int *error)
{
  struct search *search = opaque;

  (void) error;
  if (strcmp (context, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0 ||
      offset != search->position)
    return 0;
  for (size_t i = 0; i + 1 < nr_entries && !search->found; i += 2) {
    search->found = entries[i + 1] != STATE_CLEAN;
    if (!search->found)
      search->position += entries[i];
  }
  return 0;
}

/* *offset: of the first byte that the view does not say is clean, or the size.
 */
static int
find_change (struct nbd_handle *nbd, uint64_t size, uint64_t *offset)
{
  struct search search = { .position = 0 };

  while (search.position < size && !search.found) {
    uint64_t rest = size - search.position, before = search.position;

    if (nbd_wait_command (
            nbd, nbd_aio_block_status (
                     nbd, rest < AT_ONCE ? rest : AT_ONCE, search.position,
                     (nbd_extent_callback){ .callback = look_for_change,
                                            .user_data = &search },
                     NBD_NULL_COMPLETION, 0)) == -1)
      return -1;
    if (!search.found && search.position == before)
      return fail (ERROR_QEMU, "its block status is empty");
  }
  *offset = search.position < size ? search.position : size;
  return 0;
}

static int
read_some (struct nbd_handle *nbd, bool only_changes)
{
  char bytes[512];
  int64_t size = nbd_get_size (nbd);
  uint64_t offset = 0;

  if (size == -1)
    return fail (ERROR_QEMU, "%s", nbd_get_error ());
  if (only_changes && find_change (nbd, size, &offset) == -1)
    return -1;
  /* Where nothing changed there is nothing that could be read wrongly. */
  if (size - offset < sizeof bytes)
    return 0;
  return nbd_wait_command (nbd, nbd_aio_pread (nbd, bytes, sizeof bytes, offset,
                                               NBD_NULL_COMPLETION, 0));
}

int
probe_export (const char *socket, const char *export_name, bool only_changes)
{
  CLEANUP_NBD_CLOSE struct nbd_handle *nbd = nbd_create ();

  if (nbd == NULL || nbd_set_export_name (nbd, export_name) == -1 ||
      (only_changes &&
       nbd_add_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == -1) ||
      nbd_aio_connect_unix (nbd, socket) == -1)
    return fail (ERROR_QEMU, "export '%s': %s", export_name, nbd_get_error ());
  return nbd_wait_ready (nbd) == -1 || read_some (nbd, only_changes) == -1
             ? fail_prefix ("export '%s' can no longer be read", export_name)
             : 0;
}
