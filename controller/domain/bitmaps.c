/* SPDX-License-Identifier: BSD-3-Clause */
/* Adds and removes the bitmaps of a checkpoint by QMP transactions. */

#include <config.h>

#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/bitmaps.h"
#include "controller/domain/json.h"
#include "controller/domain/monitor.h"
#include "controller/domain/plan.h"

/* One action of a transaction on a disk's bitmap. */
static json_object *
action (const char *type, const struct disk *disk, const char *bitmap,
        bool persistent)
{
  json_object *json = json_object_new_object ();
  json_object *data = json_object_new_object ();

  json_add_text (data, "node", disk->node);
  json_add_text (data, "name", bitmap);
  if (persistent)
    json_add_bool (data, "persistent", true);
  json_add_text (json, "type", type);
  json_object_object_add (json, "data", data);
  return json;
}

static int
run_transaction (struct qmp *qmp, json_object *actions)
{
  json_object *arguments = json_object_new_object ();

  json_object_object_add (arguments, "actions", actions);
  return qmp_execute (qmp, "transaction", arguments, NULL);
}

int
bitmaps_add (struct qmp *qmp, const struct checkpoint *checkpoint,
             struct disk_list *disks)
{
  json_object *actions = json_object_new_array ();
  size_t i;

  for (i = 0; i < disks->nr_disks; i++) {
    const struct disk *disk = &disks->disks[i];
    const char *bitmap = checkpoint_bitmap (checkpoint, disk->name);

    if (bitmap)
      json_object_array_add (
          actions, action ("block-dirty-bitmap-add", disk, bitmap, true));
  }
  if (run_transaction (qmp, actions) == -1)
    return fail_prefix ("checkpoint '%s'", checkpoint->name);
  return 0;
}

static int
verify_removed (struct qmp *qmp, const struct checkpoint *checkpoint,
                const struct domain_record *record)
{
  CLEANUP_DISK_LIST struct disk_list *disks = monitor_disks (qmp, record);
  size_t i;

  if (disks == NULL)
    return -1;
  for (i = 0; i < disks->nr_disks; i++) {
    const struct disk *disk = &disks->disks[i];
    const char *bitmap = checkpoint_bitmap (checkpoint, disk->name);

    if (bitmap && disk_bitmap (disk, bitmap))
      return fail (ERROR_QEMU,
                   "disk '%s' still has bitmap '%s' after its removal; check "
                   "that the image's file system has space, and repeat",
                   disk->name, bitmap);
  }
  return 0;
}

int
bitmaps_remove (struct qmp *qmp, const struct checkpoint *checkpoint,
                const struct domain_record *record)
{
  CLEANUP_DISK_LIST struct disk_list *disks = monitor_disks (qmp, record);
  json_object *actions;
  size_t i;

  if (disks == NULL)
    return -1;
  actions = json_object_new_array ();
  for (i = 0; i < disks->nr_disks; i++) {
    const struct disk *disk = &disks->disks[i];
    const char *bitmap = checkpoint_bitmap (checkpoint, disk->name);

    if (bitmap && disk_bitmap (disk, bitmap))
      json_object_array_add (
          actions, action ("block-dirty-bitmap-remove", disk, bitmap, false));
  }
  if (run_transaction (qmp, actions) == -1)
    return fail_prefix ("checkpoint '%s'", checkpoint->name);
  return verify_removed (qmp, checkpoint, record);
}
