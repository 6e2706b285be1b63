/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU's NBD server and its exports, each with the frozen change maps. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "controller/capture/internal.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"

/* QEMU does not tell whose its server is, and whether it has one.  A node that
 * is there from before its start until after its stop tells whoever comes after
 * a process that died that it was ours (see recover.c). */
static int
mark_server (struct capture *capture)
{
  char name[NAME_SIZE + sizeof "-server"];

  snprintf (name, sizeof name, "%s-server", capture->disks[0].job);
  return capture_make (capture, UNDO_NODE, name, NULL, "blockdev-add",
                       qmp_object ("driver", qmp_text ("null-co"), "node-name",
                                   qmp_text (name), NULL));
}

/* Before anything is cut: a QEMU has one server, and it may be in use. */
int
exports_start_server (struct capture *capture, const char *socket)
{
  int can_limit =
      qmp_can (capture->qmp, "nbd-server-start", NULL, "handshake-max-seconds");
  int r;

  if (can_limit < 0 || mark_server (capture) < 0)
    return -1;

  r = capture_make (
      capture, UNDO_SERVER, socket, NULL, "nbd-server-start",
      qmp_object ("addr",
                  qmp_object ("type", qmp_text ("unix"), "data",
                              qmp_object ("path", qmp_text (socket), NULL),
                              NULL),
                  "max-connections", qmp_number (0), "handshake-max-seconds",
                  can_limit ? qmp_number (0) : NULL, NULL));
  /* No command tells whether a server runs; only this text does. */
  if (r == -1 && strstr (error_message (), "already running"))
    return fail (ERROR_CONFLICT,
                 "QEMU's NBD server is in use by somebody else, and a QEMU has "
                 "one: end the other backup or the storage migration that uses "
                 "it, or stop it with nbd-server-stop");
  return r;
}

static json_object *
append_disabled (json_object *actions, const struct captured_disk *disk,
                 const char *name, uint64_t granularity)
{
  return qmp_append (
      actions, qmp_object ("type", qmp_text ("block-dirty-bitmap-add"), "data",
                           qmp_object ("node", qmp_text (disk->exposed), "name",
                                       qmp_text (name), "granularity",
                                       qmp_number (granularity), "disabled",
                                       qmp_flag (true), NULL),
                           NULL));
}

static json_object *
append_merge (json_object *actions, const struct captured_disk *disk,
              const char *target, const char *node, const char *bitmap)
{
  return qmp_append (
      actions,
      qmp_object (
          "type", qmp_text ("block-dirty-bitmap-merge"), "data",
          qmp_object (
              "node", qmp_text (disk->exposed), "target", qmp_text (target),
              "bitmaps",
              qmp_append (NULL, qmp_object ("node", qmp_text (node), "name",
                                            qmp_text (bitmap), NULL)),
              NULL),
          NULL));
}

/* A disabled bitmap on the exported node takes what the recording one has: it
 * has all that was recorded before the cut, and a little of what came after.
 * The union is of what was frozen, so that it lacks nothing of it. */
static json_object *
append_frozen (json_object *actions, const struct captured_disk *disk,
               const struct capture_change_map *map)
{
  const struct disk *live = disk->request->disk;
  const struct disk_bitmap *recording = disk_bitmap (live, map->bitmap);

  actions =
      append_disabled (actions, disk, map->checkpoint, recording->granularity);
  actions =
      append_merge (actions, disk, map->checkpoint, live->node, map->bitmap);
  if (!disk->request->changes_only)
    return actions;
  return append_merge (actions, disk, disk->changes, disk->exposed,
                       map->checkpoint);
}

int
exports_freeze_maps (struct capture *capture)
{
  json_object *actions = NULL;

  /* They go with the node that they are on: nothing to undo. */
  for (size_t i = 0; i < capture->nr_disks; i++) {
    const struct captured_disk *disk = &capture->disks[i];

    if (disk->request->changes_only)
      actions = append_disabled (actions, disk, disk->changes, COPY_CLUSTER);
    for (size_t m = 0; m < disk->request->nr_change_maps; m++)
      actions = append_frozen (actions, disk, &disk->request->change_maps[m]);
  }
  if (!actions)
    return 0;
  return capture_add_plain (capture, "transaction",
                            qmp_object ("actions", actions, NULL));
}

int
exports_note_clients (struct capture *capture, struct captured_disk *disk)
{
  return undo_push (&capture->batch.notes, UNDO_CLIENTS, disk->job, NULL);
}

int
exports_add (struct capture *capture, struct captured_disk *disk)
{
  json_object *maps = NULL;

  for (size_t m = 0; m < disk->request->nr_change_maps; m++)
    maps =
        qmp_append (maps, qmp_text (disk->request->change_maps[m].checkpoint));
  return capture_add (
      capture, UNDO_EXPORT, disk->job, NULL, "block-export-add",
      qmp_object ("type", qmp_text ("nbd"), "id", qmp_text (disk->job),
                  "node-name", qmp_text (disk->exposed), "name",
                  qmp_text (disk->request->export_name), "writable",
                  capture->reclaim ? qmp_flag (true) : NULL, "bitmaps", maps,
                  "allocation-depth",
                  capture->steps->allocation_depth ? qmp_flag (true) : NULL,
                  NULL));
}
