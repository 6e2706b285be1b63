/* SPDX-License-Identifier: BSD-3-Clause */
/* The target of a pushed disk: the file, device or server, and the nodes on it.
 */

#include <config.h>

#include <stdio.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "controller/capture/image.h"
#include "controller/capture/push-internal.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"

#define NBD_PORT 10809

static bool
is_qcow2 (const struct push_disk *request)
{
  return strcmp (request->format, "qcow2") == 0;
}

int
push_target_make_file (struct push *push, struct pushed_disk *disk)
{
  const struct push_disk *request = disk->request;
  const struct image image = { .what = "target",
                               .path = request->path,
                               .owner = request->disk->file,
                               .size = is_qcow2 (request)
                                           ? 0
                                           : request->disk->size };

  if (!push_makes_file (request))
    return 0;
  if (image_create (&image) < 0)
    return -1;
  if (undo_push (&push->made, UNDO_FILE, request->path, NULL) == 0)
    return 0;
  unlink (request->path);
  return -1;
}

static json_object *
server_address (const struct backup_network *network)
{
  char port[16];

  if (network->transport == SERVER_UNIX)
    return qmp_object ("type", qmp_text ("unix"), "path",
                       qmp_text (network->socket), NULL);
  snprintf (port, sizeof port, "%u", network->port ? network->port : NBD_PORT);
  return qmp_object ("type", qmp_text ("inet"), "host",
                     qmp_text (network->host), "port", qmp_text (port), NULL);
}

/* The node of what holds the image. */
static json_object *
storage_node (const struct pushed_disk *disk)
{
  const struct push_disk *request = disk->request;

  if (request->network)
    return qmp_object ("driver", qmp_text ("nbd"), "node-name",
                       qmp_text (disk->storage), "server",
                       server_address (request->network), "export",
                       qmp_text (request->network->export_name), NULL);
  return qmp_object (
      "driver", qmp_text (request->is_device ? "host_device" : "file"),
      "node-name", qmp_text (disk->storage), "filename",
      qmp_text (request->path), "discard", qmp_text ("unmap"), NULL);
}

/* A raw target may be larger than the disk, as devices are. */
static json_object *
image_node (const struct pushed_disk *disk)
{
  const struct push_disk *request = disk->request;

  return qmp_object (
      "driver", qmp_text (request->format), "node-name",
      qmp_text (disk->target), "file", qmp_text (disk->storage), "discard",
      qmp_text ("unmap"), "size",
      is_qcow2 (request) ? NULL : qmp_number (request->disk->size), NULL);
}

static int
make_node (struct push *push, const char *name, json_object *arguments)
{
  const struct undo_entry entry = { UNDO_NODE, (char *) name, NULL };

  return undo_make (push->qmp, &push->made, &entry, "blockdev-add", arguments);
}

int
push_target_make (struct push *push, struct pushed_disk *disk)
{
  const struct push_disk *request = disk->request;

  if (make_node (push, disk->storage, storage_node (disk)) < 0)
    return -1;
  if (is_qcow2 (request) && !request->reuse &&
      image_format_qcow2 (push->qmp, disk->job, disk->storage,
                          request->disk->size) < 0)
    return -1;
  return make_node (push, disk->target, image_node (disk));
}

/* To open a node again is the one command that flushes it and says how that
 * went; QEMU does not flush a target by itself before its node goes, and then
 * reports nothing. */
int
push_target_flush (struct push *push, const struct pushed_disk *disk)
{
  int can = qmp_can (push->qmp, "blockdev-reopen", NULL, NULL);

  if (can <= 0)
    return can;
  return qmp_execute (
      push->qmp, "blockdev-reopen",
      qmp_object ("options", qmp_append (NULL, image_node (disk)), NULL), NULL);
}
