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
  /* No answer is not success either: who needs to know reads back. */
  return qmp_execute (qmp, "transaction", arguments, NULL) < 0 ? -1 : 0;
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
  if (run_transaction (qmp, actions) < 0)
    return fail_prefix ("checkpoint '%s'", checkpoint->name);
  return 0;
}

/* Every bitmap of the checkpoints that QEMU has: how many, and the actions that
 * remove them unless 'actions' is NULL. */
static int
find_bitmaps (const struct checkpoint *const *list,
              const struct disk_list *disks, json_object *actions)
{
  int count = 0;
  size_t i;

  for (; *list; list++)
    for (i = 0; i < disks->nr_disks; i++) {
      const struct disk *disk = &disks->disks[i];
      const char *bitmap = checkpoint_bitmap (*list, disk->name);

      if (bitmap == NULL || disk_bitmap (disk, bitmap) == NULL)
        continue;
      count++;
      if (actions)
        json_object_array_add (
            actions, action ("block-dirty-bitmap-remove", disk, bitmap, false));
    }
  return count;
}

int
bitmaps_count (struct qmp *qmp, const struct checkpoint *const *list,
               const struct domain_record *record)
{
  CLEANUP_DISK_LIST struct disk_list *disks = monitor_disks (qmp, record);

  return disks ? find_bitmaps (list, disks, NULL) : -1;
}

int
bitmaps_remove (struct qmp *qmp, const struct checkpoint *const *list,
                const struct domain_record *record)
{
  CLEANUP_DISK_LIST struct disk_list *disks = monitor_disks (qmp, record);
  json_object *actions;
  int left;

  if (disks == NULL || *list == NULL)
    return disks ? 0 : -1;
  actions = json_object_new_array ();
  find_bitmaps (list, disks, actions);
  if (run_transaction (qmp, actions) < 0)
    return fail_prefix ("checkpoint '%s'", (*list)->name);
  left = bitmaps_count (qmp, list, record);
  if (left > 0)
    return fail (ERROR_QEMU,
                 "QEMU still has %d bitmaps of checkpoint '%s' after their "
                 "removal; check that the images' file systems have space, and "
                 "repeat",
                 left, (*list)->name);
  return left;
}

static json_object *
merge_arguments (const struct disk *disk, const char *bitmap)
{
  json_object *arguments = json_object_new_object ();
  json_object *sources = json_object_new_array ();
  size_t i;

  json_add_text (arguments, "node", disk->node);
  json_add_text (arguments, "target", bitmap);
  for (i = 0; i < disk->nr_layers; i++) {
    json_object *source = json_object_new_object ();

    if (disk_layer_bitmap (disk, i, bitmap) == NULL) {
      json_object_put (source);
      break;
    }
    json_add_text (source, "node", disk->layers[i].node);
    json_add_text (source, "name", bitmap);
    json_object_array_add (sources, source);
  }
  json_object_object_add (arguments, "bitmaps", sources);
  return arguments;
}

bool
bitmap_carry_over (struct qmp *qmp, struct disk *disk, const char *name)
{
  struct disk_bitmap *bitmap = disk_bitmap (disk, name);

  if (bitmap == NULL || !disk_bitmap_is_split (disk, name))
    return false;
  /* Is it only that it is not merged? */
  bitmap->merged = true;
  if (disk_bitmap_unusable (disk, name) == NULL &&
      qmp_execute (qmp, "block-dirty-bitmap-merge",
                   merge_arguments (disk, name), NULL) == 0)
    return true;
  if (disk_bitmap_unusable (disk, name) == NULL)
    log_line ("disk '%s': %s", disk->name, error_message ());
  bitmap->merged = false;
  return false;
}
