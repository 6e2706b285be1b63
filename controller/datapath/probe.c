/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads a few bytes of an export, as a client does. */

#include <config.h>

#include <stdint.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/common/nbd.h"
#include "controller/datapath/probe.h"

#define STATE_UNREADABLE LIBNBD_STATE_HOLE

/* How much of a map is asked for at once: no more than a request can say. */
#define AT_ONCE (UINT64_C (1) << 30)

/* What an answer about the range tells: where the first byte is that can be
 * read, or where the answer ends. */
struct search {
  uint64_t position;
  bool found;
};

static int
look_for_readable (void *opaque, const char *context, uint64_t offset,
                   uint32_t *entries, size_t nr_entries, int *error)
{
  struct search *search = opaque;

  (void) error;
  if (strcmp (context, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0 ||
      offset != search->position)
    return 0;
  for (size_t i = 0; i + 1 < nr_entries && !search->found; i += 2) {
    search->found = entries[i + 1] != STATE_UNREADABLE;
    if (!search->found)
      search->position += entries[i];
  }
  return 0;
}

/* The first byte from *offset on that can be read becomes *offset, or the size.
 */
static int
find_readable (struct nbd_handle *nbd, uint64_t size, uint64_t *offset)
{
  struct search search = { .position = *offset };

  while (search.position < size && !search.found) {
    uint64_t rest = size - search.position, before = search.position;

    if (nbd_wait_command (
            nbd, nbd_aio_block_status (
                     nbd, rest < AT_ONCE ? rest : AT_ONCE, search.position,
                     (nbd_extent_callback){ .callback = look_for_readable,
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
read_at (struct nbd_handle *nbd, uint64_t offset)
{
  char bytes[512];

  return nbd_wait_command (nbd, nbd_aio_pread (nbd, bytes, sizeof bytes, offset,
                                               NBD_NULL_COMPLETION, 0));
}

static int
read_some (struct nbd_handle *nbd)
{
  int64_t size = nbd_get_size (nbd);
  uint64_t offset = 0, before;

  if (size == -1)
    return fail (ERROR_QEMU, "%s", nbd_get_error ());
  if (find_readable (nbd, size, &offset) == -1)
    return -1;
  while (offset + 512 <= (uint64_t) size && read_at (nbd, offset) == -1) {
    CLEANUP_FREE char *why = strdup (error_message ());

    /* A client may have read it for good meanwhile. */
    before = offset;
    if (find_readable (nbd, size, &offset) == -1)
      return -1;
    if (offset == before)
      return fail (ERROR_QEMU, "%s", why ? why : "out of memory");
  }
  return 0;
}

int
probe_whole (int connection, const char *export_name)
{
  CLEANUP_CLOSE int fd = connection;
  CLEANUP_NBD_CLOSE struct nbd_handle *nbd = nbd_create ();

  if (nbd == NULL || nbd_set_export_name (nbd, export_name) == -1 ||
      nbd_aio_connect_socket (nbd, fd) == -1)
    return fail (ERROR_QEMU, "export '%s': %s", export_name, nbd_get_error ());
  STEAL_FD (fd);
  return nbd_wait_ready (nbd) == -1 ||
                 (nbd_get_size (nbd) >= 512 && read_at (nbd, 0) == -1)
             ? fail_prefix ("export '%s' can no longer be read", export_name)
             : 0;
}

int
probe_export (const char *socket, const char *export_name)
{
  CLEANUP_NBD_CLOSE struct nbd_handle *nbd = nbd_create ();
  CLEANUP_FREE char *view = NULL;

  if (asprintf (&view, "%s@/readable", export_name) == -1) {
    view = NULL;
    return fail_errno (ERROR_SYSTEM, "export '%s'", export_name);
  }
  if (nbd == NULL || nbd_set_export_name (nbd, view) == -1 ||
      nbd_add_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == -1 ||
      nbd_aio_connect_unix (nbd, socket) == -1)
    return fail (ERROR_QEMU, "export '%s': %s", export_name, nbd_get_error ());
  return nbd_wait_ready (nbd) == -1 || read_some (nbd) == -1
             ? fail_prefix ("export '%s' can no longer be read", export_name)
             : 0;
}
