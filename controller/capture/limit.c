/* SPDX-License-Identifier: BSD-3-Clause */
/* Limits a point in time to what changed: all clean ranges are discarded from
 * it, through a writable export that is gone before any client comes. */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/capture/internal.h"
#include "controller/common/error.h"
#include "controller/common/nbd.h"
#include "controller/qmp/json.h"

/* A cluster that is discarded is no longer copied before it is written, and its
 * reads fail.  Versions of QEMU that do not round abort on a part of one. */
#define CLUSTER ((uint64_t) COPY_CLUSTER)

/* How much of the map is asked for, and discarded, at once: a multiple of the
 * cluster that QEMU, which halves what is larger than 2 GiB, does not split. */
#define AT_ONCE ((uint64_t) 1 << 30)

#define IN_FLIGHT 64

/* The clean ranges of one answer. */
struct answer {
  const char *context;
  uint64_t position, end;
  struct clean {
    uint64_t offset, length;
  } * ranges;
  size_t nr_ranges, room;
};

static int
add_clean (struct answer *answer, uint64_t length)
{
  struct clean *grown;

  if (answer->nr_ranges == answer->room) {
    answer->room = answer->room ? 2 * answer->room : 64;
    grown = reallocarray (answer->ranges, answer->room, sizeof *grown);
    if (!grown)
      return -1;
    answer->ranges = grown;
  }
  answer->ranges[answer->nr_ranges++] =
      (struct clean){ answer->position, length };
  return 0;
}

static int
take_extents (void *opaque, const char *context, uint64_t offset,
              uint32_t *entries, size_t nr_entries, int *error)
{
  struct answer *answer = opaque;

  if (strcmp (context, answer->context) != 0 || offset != answer->position)
    return 0;
  for (size_t i = 0; i + 1 < nr_entries && answer->position < answer->end;
       i += 2) {
    uint64_t rest = answer->end - answer->position;
    uint64_t length = entries[i] < rest ? entries[i] : rest;

    if (entries[i + 1] == 0 && add_clean (answer, length) < 0) {
      *error = ENOMEM;
      return -1;
    }
    answer->position += length;
  }
  return 0;
}

/* Commands that have been given and are not known to be completed. */
struct in_flight {
  int64_t cookies[IN_FLIGHT];
  size_t given, completed;
};

static int
complete_one (struct nbd_handle *nbd, struct in_flight *commands)
{
  return nbd_wait_command (
      nbd, commands->cookies[commands->completed++ % IN_FLIGHT]);
}

static int
discard (struct nbd_handle *nbd, struct in_flight *commands,
         const struct clean *range)
{
  uint64_t start = (range->offset + CLUSTER - 1) / CLUSTER * CLUSTER;
  uint64_t end = (range->offset + range->length) / CLUSTER * CLUSTER;
  int64_t cookie;

  if (start >= end)
    return 0;
  if (commands->given - commands->completed == IN_FLIGHT &&
      complete_one (nbd, commands) < 0)
    return -1;
  cookie = nbd_aio_trim (nbd, end - start, start, NBD_NULL_COMPLETION, 0);
  if (cookie == -1)
    return fail (ERROR_QEMU, "%s", nbd_get_error ());
  commands->cookies[commands->given++ % IN_FLIGHT] = cookie;
  return 0;
}

/* From the answer's position on, as far as QEMU tells at once. */
static int
discard_some (struct nbd_handle *nbd, struct in_flight *commands,
              struct answer *answer)
{
  uint64_t before = answer->position;

  answer->nr_ranges = 0;
  if (nbd_wait_command (
          nbd, nbd_aio_block_status (
                   nbd, answer->end - answer->position, answer->position,
                   (nbd_extent_callback){ .callback = take_extents,
                                          .user_data = answer },
                   NBD_NULL_COMPLETION, 0)) < 0)
    return -1;
  if (answer->position == before)
    return fail (ERROR_QEMU, "its block status is empty");
  for (size_t i = 0; i < answer->nr_ranges; i++)
    if (discard (nbd, commands, &answer->ranges[i]) < 0)
      return -1;
  return 0;
}

static int
discard_clean (struct nbd_handle *nbd, const char *context, uint64_t size)
{
  struct in_flight commands = { .given = 0 };
  struct answer answer = { .context = context };
  int r = 0;

  while (r == 0 && answer.position < size) {
    uint64_t rest = size - answer.position;

    answer.end = answer.position + (rest < AT_ONCE ? rest : AT_ONCE);
    while (r == 0 && answer.position < answer.end)
      r = discard_some (nbd, &commands, &answer);
  }
  while (r == 0 && commands.completed < commands.given)
    r = complete_one (nbd, &commands);
  free (answer.ranges);
  return r;
}

static int
connect_and_discard (struct nbd_handle *nbd, const struct captured_disk *disk,
                     const char *socket)
{
  char context[sizeof "qemu:dirty-bitmap:" + NAME_SIZE];

  snprintf (context, sizeof context, "qemu:dirty-bitmap:%s", disk->changes);
  if (nbd_set_export_name (nbd, disk->changes) == -1 ||
      nbd_add_meta_context (nbd, context) == -1 ||
      nbd_aio_connect_unix (nbd, socket) == -1)
    return fail (ERROR_QEMU, "%s", nbd_get_error ());
  if (nbd_wait_ready (nbd) < 0)
    return -1;
  if (nbd_can_meta_context (nbd, context) != 1 || nbd_can_trim (nbd) != 1)
    return fail (ERROR_QEMU, "QEMU does not offer block status and discard");
  return discard_clean (nbd, context, disk->request->disk->size);
}

static int
export_writable (struct capture *capture, const struct captured_disk *disk)
{
  if (undo_push (&capture->made, UNDO_CLIENTS, disk->changes, NULL) < 0)
    return -1;
  return capture_make (
      capture, UNDO_EXPORT, disk->changes, NULL, "block-export-add",
      qmp_object ("type", qmp_text ("nbd"), "id", qmp_text (disk->changes),
                  "node-name", qmp_text (disk->exposed), "name",
                  qmp_text (disk->changes), "writable", qmp_flag (true),
                  "bitmaps", qmp_append (NULL, qmp_text (disk->changes)),
                  NULL));
}

static int
limit_disk (struct capture *capture, const struct captured_disk *disk)
{
  CLEANUP_NBD_CLOSE struct nbd_handle *nbd = nbd_create ();
  int r;

  if (!nbd)
    return fail (ERROR_SYSTEM, "%s", nbd_get_error ());
  if (export_writable (capture, disk) < 0)
    return -1;
  r = connect_and_discard (nbd, disk, capture->nbd_socket);
  if (r < 0)
    return fail_prefix ("what is clean cannot be left out");
  /* There is no other export yet; and QEMU closes first. */
  return undo_run (capture->qmp, &capture->made, UNDO_EXPORT);
}

int
limit_to_changes (struct capture *capture)
{
  for (size_t i = 0; i < capture->nr_disks; i++) {
    const struct captured_disk *disk = &capture->disks[i];

    if (!disk->request->changes_only)
      continue;
    if (capture_send (capture) < 0)
      return -1;
    if (limit_disk (capture, disk) < 0)
      return fail_prefix ("disk '%s'", disk->name);
  }
  return 0;
}
