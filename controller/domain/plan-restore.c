/* SPDX-License-Identifier: BSD-3-Clause */
/* A plan as a backup's journal keeps it: what the documents of the backup and
 * its checkpoint, both completed, do not say. */

#include <config.h>

#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/json.h"
#include "controller/domain/plan.h"
#include "controller/qmp/json.h"

static json_object *
record_disk (const struct plan_disk *disk)
{
  json_object *json = json_object_new_object ();
  json_object *bases = json_object_new_array ();
  size_t i;

  json_add_text (json, "name", disk->disk->name);
  json_add_text (json, "node", disk->disk->node);
  json_add_number (json, "size", (int64_t) disk->disk->size);
  json_add_text (json, "fallback", disk->fallback);
  json_add_bool (json, "changes-only", disk->changes_only);
  for (i = 0; i < disk->nr_change_maps; i++)
    json_object_array_add (
        bases, json_object_new_string (disk->change_maps[i].checkpoint));
  json_object_object_add (json, "bases", bases);
  return json;
}

int
plan_record (const struct plan *plan, json_object *json)
{
  CLEANUP_FREE char *backup = backup_format (plan->backup);
  CLEANUP_FREE char *checkpoint =
      plan->checkpoint ? checkpoint_format (plan->checkpoint) : NULL;
  json_object *disks = json_object_new_array ();
  size_t i;

  json_object_object_add (json, "disks", disks);
  json_add_number (json, "scratch-limit", (int64_t) plan->scratch_limit);
  if (backup == NULL || (plan->checkpoint && checkpoint == NULL))
    return -1;
  json_add_text (json, "backup", backup);
  json_add_text (json, "checkpoint", checkpoint);
  for (i = 0; i < plan->nr_disks; i++)
    json_object_array_add (disks, record_disk (&plan->disks[i]));
  return 0;
}

static int
restore_documents (struct plan *plan, json_object *json)
{
  const char *backup = qmp_string (json, "backup");
  const char *checkpoint = qmp_string (json, "checkpoint");

  plan->backup = backup ? backup_parse (backup, strlen (backup)) : NULL;
  if (plan->backup == NULL)
    return fail (ERROR_SYSTEM, "the journal has no document of the backup");
  if (checkpoint == NULL)
    return 0;
  plan->checkpoint = checkpoint_parse (checkpoint, strlen (checkpoint));
  return plan->checkpoint ? 0 : -1;
}

/* One whose checkpoint has been forgotten since is left out: QEMU exports it
 * on, but nothing more is said about it. */
static int
restore_change_maps (const struct plan *plan, json_object *bases,
                     struct plan_disk *disk)
{
  const size_t count = qmp_length (bases);
  size_t i;

  disk->change_maps = calloc (count + 1, sizeof *disk->change_maps);
  if (disk->change_maps == NULL)
    return fail_errno (ERROR_SYSTEM, "backup");
  for (i = 0; i < count; i++) {
    const char *name =
        json_object_get_string (json_object_array_get_idx (bases, i));
    const struct checkpoint *checkpoint =
        name ? checkpoint_list_find (plan->retained, name) : NULL;
    const char *bitmap =
        checkpoint ? checkpoint_bitmap (checkpoint, disk->disk->name) : NULL;

    if (bitmap)
      disk->change_maps[disk->nr_change_maps++] = (struct capture_change_map){
        .checkpoint = checkpoint->name,
        .bitmap = bitmap,
      };
  }
  return 0;
}

/* What the completed document says. */
static int
restore_from_document (const struct plan *plan, struct plan_disk *disk)
{
  const struct backup_disk *requested = disk->requested;
  const struct checkpoint *base =
      requested->incremental
          ? checkpoint_list_find (plan->retained, requested->incremental)
          : NULL;
  const char *new_bitmap =
      plan->checkpoint ? checkpoint_bitmap (plan->checkpoint, requested->name)
                       : NULL;
  const struct {
    char **to;
    const char *text;
  } texts[] = {
    { &disk->export_name, requested->export_name },
    { &disk->export_bitmap, requested->export_bitmap },
    { &disk->scratch, requested->scratch },
    { &disk->incremental, requested->incremental },
    { &disk->new_bitmap, new_bitmap },
  };
  size_t i;

  if (base)
    disk->base_bitmap = checkpoint_bitmap (base, requested->name);
  for (i = 0; i < sizeof texts / sizeof texts[0]; i++)
    if (texts[i].text && plan_set_text (texts[i].to, texts[i].text) == -1)
      return -1;
  return 0;
}

static int
restore_disk (struct plan *plan, json_object *json)
{
  struct plan_disk *disk = &plan->disks[plan->nr_disks];
  const char *name = qmp_string (json, "name");
  const char *fallback = qmp_string (json, "fallback");
  size_t i;

  disk->disk = name ? disk_by_name (plan->inventory, name) : NULL;
  if (disk->disk == NULL || !qmp_string_is (json, "node", disk->disk->node) ||
      qmp_get_number (json, "size") != disk->disk->size)
    return fail (ERROR_CONFLICT,
                 "disk '%s' is not there any more, or not the same",
                 name ? name : "");
  for (i = 0; i < plan->backup->nr_disks; i++)
    if (strcmp (plan->backup->disks[i].name, name) == 0)
      disk->requested = &plan->backup->disks[i];
  if (disk->requested == NULL)
    return fail (ERROR_SYSTEM, "the journal is at odds with its document");
  plan->nr_disks++;
  disk->changes_only = qmp_true (json, "changes-only");
  if (fallback && plan_set_text (&disk->fallback, fallback) == -1)
    return -1;
  return restore_from_document (plan, disk) == -1 ||
                 restore_change_maps (plan, qmp_list (json, "bases"), disk) ==
                     -1
             ? -1
             : 0;
}

struct plan *
plan_restore (const char *state, const struct domain_record *domain,
              struct disk_list *inventory, json_object *json)
{
  CLEANUP_PLAN struct plan *plan = calloc (1, sizeof *plan);
  json_object *disks = qmp_list (json, "disks");
  const size_t count = qmp_length (disks);
  size_t i;

  if (plan == NULL) {
    disk_list_free (inventory);
    fail_errno (ERROR_SYSTEM, "backup");
    return NULL;
  }
  plan->inventory = inventory;
  plan->scratch_limit = qmp_get_number (json, "scratch-limit");
  plan->retained = catalogue_checkpoints (state, domain->name);
  plan->disks = calloc (count + 1, sizeof *plan->disks);
  if (plan->retained == NULL || plan->disks == NULL ||
      restore_documents (plan, json) == -1)
    return NULL;
  for (i = 0; i < count; i++)
    if (restore_disk (plan, json_object_array_get_idx (disks, i)) == -1)
      return NULL;
  return STEAL (plan);
}
