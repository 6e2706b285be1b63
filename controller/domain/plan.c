/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans a backup: which disks, for every one its base or why it has none, and
 * the change maps of all checkpoints that are usable; where its data go is said
 * by the steps of the mode. */

#include <config.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/health.h"
#include "controller/domain/plan.h"
#include "controller/formats/names.h"

static void
plan_disk_clear (struct plan_disk *disk)
{
  free (disk->export_name);
  free (disk->export_bitmap);
  free (disk->scratch);
  free (disk->new_bitmap);
  free (disk->incremental);
  free (disk->fallback);
  free (disk->change_maps);
}

void
plan_free (struct plan *plan)
{
  size_t i;

  if (plan == NULL)
    return;
  for (i = 0; i < plan->nr_disks; i++)
    plan_disk_clear (&plan->disks[i]);
  free (plan->disks);
  backup_free (plan->backup);
  checkpoint_free (plan->checkpoint);
  disk_list_free (plan->inventory);
  checkpoint_list_free (plan->retained);
  free (plan);
}

static struct backup_disk *
find_requested (struct backup *backup, const char *name)
{
  size_t i;

  for (i = 0; i < backup->nr_disks; i++) {
    if (strcmp (backup->disks[i].name, name) == 0)
      return &backup->disks[i];
  }
  return NULL;
}

/* Every disk that the request names exists and can be backed up. */
static int
check_requested (const struct plan *plan)
{
  size_t i;

  for (i = 0; i < plan->backup->nr_disks; i++) {
    const struct backup_disk *requested = &plan->backup->disks[i];
    const struct disk *disk =
        plan_find_disk (plan->inventory, &plan->backup->disks[i].name);

    if (disk == NULL)
      return -1;
    /* Once by its name and once by its image's path. */
    if (find_requested (plan->backup, disk->name) != requested)
      return fail (ERROR_INVALID, "disk '%s' is named twice", disk->name);
    if (requested->included && disk->reason)
      return fail (ERROR_UNSUPPORTED, "disk '%s' cannot be backed up: %s",
                   disk->name, disk->reason);
  }
  return 0;
}

/* Adds the disks that the request does not name: all that can be backed up if
 * it names none, else marked as left out. */
static int
add_disks (struct plan *plan)
{
  struct backup *backup = plan->backup;
  const struct disk_list *inventory = plan->inventory;
  bool all = backup->nr_disks == 0;
  struct backup_disk *disks = reallocarray (
      backup->disks, backup->nr_disks + inventory->nr_disks + 1, sizeof *disks);
  size_t i;

  if (disks == NULL)
    return fail_errno (ERROR_SYSTEM, "backup");
  backup->disks = disks;
  for (i = 0; i < inventory->nr_disks; i++) {
    struct backup_disk *added = &disks[backup->nr_disks];

    if (find_requested (backup, inventory->disks[i].name))
      continue;
    *added = (struct backup_disk){
      .included = all && inventory->disks[i].reason == NULL,
    };
    added->name = strdup (inventory->disks[i].name);
    if (added->name == NULL)
      return fail_errno (ERROR_SYSTEM, "backup");
    backup->nr_disks++;
  }
  return 0;
}

static const struct checkpoint *
find_retained (const struct plan *plan, const char *name)
{
  size_t i;

  for (i = 0; i < plan->retained->nr_checkpoints; i++) {
    if (strcmp (plan->retained->checkpoints[i]->name, name) == 0)
      return plan->retained->checkpoints[i];
  }
  return NULL;
}

/* The base of a disk, or why it is backed up in full all the same.  A base that
 * is not known at all is an error of the request. */
static int
choose_base (const struct plan *plan, const struct plan_request *request,
             const struct backup_disk *requested, struct plan_disk *disk)
{
  const char *name = requested->incremental ? requested->incremental
                                            : plan->backup->incremental;
  const struct checkpoint *base;
  const char *bitmap, *why = "the checkpoint does not cover this disk";

  if (requested->disk_mode == DISK_FULL)
    return 0;
  if (name == NULL && requested->disk_mode == DISK_INCREMENTAL)
    return fail (ERROR_INVALID,
                 "disk '%s' is to be backed up incrementally, but neither it "
                 "nor the backup names the base: incremental='CHECKPOINT'",
                 requested->name);
  if (name == NULL)
    return 0;
  base = find_retained (plan, name);
  if (base == NULL)
    return fail (ERROR_NOT_FOUND,
                 "checkpoint '%s' of domain '%s' does not exist; 'pullback "
                 "checkpoint-list %s' shows those that do",
                 name, request->domain->name, request->domain->name);
  bitmap = checkpoint_bitmap (base, requested->name);
  if (bitmap)
    why = checkpoint_unusable (base, disk->disk);
  if (why) {
    if (asprintf (&disk->fallback, "no increment since '%s': %s", name, why) ==
        -1) {
      disk->fallback = NULL;
      return fail_errno (ERROR_SYSTEM, "backup");
    }
    return 0;
  }
  disk->base_bitmap = bitmap;
  disk->incremental = strdup (name);
  return disk->incremental ? 0 : fail_errno (ERROR_SYSTEM, "backup");
}

/* Every retained checkpoint whose changes on this disk are known. */
static int
choose_change_maps (const struct plan *plan, struct plan_disk *disk)
{
  size_t i;

  disk->change_maps =
      calloc (plan->retained->nr_checkpoints + 1, sizeof *disk->change_maps);
  if (disk->change_maps == NULL)
    return fail_errno (ERROR_SYSTEM, "backup");
  for (i = 0; i < plan->retained->nr_checkpoints; i++) {
    const struct checkpoint *checkpoint = plan->retained->checkpoints[i];
    const char *bitmap = checkpoint_bitmap (checkpoint, disk->disk->name);

    if (bitmap == NULL || checkpoint_unusable (checkpoint, disk->disk))
      continue;
    disk->change_maps[disk->nr_change_maps++] = (struct capture_change_map){
      .checkpoint = checkpoint->name,
      .bitmap = bitmap,
    };
  }
  return 0;
}

static int
plan_disk (struct plan *plan, const struct plan_request *request,
           const struct plan_steps *steps, struct backup_disk *requested)
{
  struct plan_disk *disk = &plan->disks[plan->nr_disks];
  const char *new_bitmap;

  disk->disk = disk_by_name (plan->inventory, requested->name);
  plan->nr_disks++;
  disk->requested = requested;
  if (choose_base (plan, request, requested, disk) == -1 ||
      choose_change_maps (plan, disk) == -1 ||
      steps->complete (plan, request, requested, disk) == -1)
    return -1;
  requested->disk_mode = disk->incremental ? DISK_INCREMENTAL : DISK_FULL;
  free (requested->incremental);
  requested->incremental = NULL;
  if (disk->incremental &&
      plan_set_text (&requested->incremental, disk->incremental) == -1)
    return -1;
  new_bitmap = plan->checkpoint
                   ? checkpoint_bitmap (plan->checkpoint, requested->name)
                   : NULL;
  return new_bitmap ? plan_set_text (&disk->new_bitmap, new_bitmap) : 0;
}

static int
plan_disks (struct plan *plan, const struct plan_request *request)
{
  const struct plan_steps *steps =
      plan->backup->mode == BACKUP_PULL ? &plan_pull : &plan_push;
  size_t i;

  plan->disks = calloc (plan->backup->nr_disks + 1, sizeof *plan->disks);
  if (plan->disks == NULL)
    return fail_errno (ERROR_SYSTEM, "backup");
  for (i = 0; i < plan->backup->nr_disks; i++) {
    if (plan->backup->disks[i].included &&
        plan_disk (plan, request, steps, &plan->backup->disks[i]) == -1)
      return -1;
  }
  if (plan->nr_disks == 0)
    return fail (ERROR_UNSUPPORTED,
                 "no disk of domain '%s' is to be backed up, or can be; "
                 "'pullback domain-info %s' says why",
                 request->domain->name, request->domain->name);
  return steps->check (plan, request);
}

/* A checkpoint of a disk that is not cut at this point in time would say that
 * the backup has what it does not have. */
static int
check_checkpoint_disks (const struct plan *plan)
{
  size_t i;

  for (i = 0; i < plan->checkpoint->nr_disks; i++) {
    const struct checkpoint_disk *entry = &plan->checkpoint->disks[i];

    if (entry->included &&
        !find_requested (plan->backup, entry->name)->included)
      return fail (ERROR_INVALID,
                   "disk '%s' is in the checkpoint but not in the backup; a "
                   "checkpoint made with a backup covers disks of the backup",
                   entry->name);
  }
  return 0;
}

/* A checkpoint that names no disk itself covers those of the backup that can
 * keep a bitmap. */
static int
cover_backup_disks (struct plan *plan)
{
  const struct disk_list *inventory = plan->inventory;
  struct checkpoint *checkpoint = plan->checkpoint;
  size_t i;

  free (checkpoint->disks);
  checkpoint->disks =
      calloc (inventory->nr_disks + 1, sizeof *checkpoint->disks);
  if (checkpoint->disks == NULL)
    return fail_errno (ERROR_SYSTEM, "checkpoint");
  for (i = 0; i < inventory->nr_disks; i++) {
    const struct disk *disk = &inventory->disks[i];
    struct checkpoint_disk *entry = &checkpoint->disks[i];

    entry->size = -1;
    entry->included =
        find_requested (plan->backup, disk->name)->included && disk->persistent;
    entry->name = strdup (disk->name);
    if (entry->name == NULL)
      return fail_errno (ERROR_SYSTEM, "checkpoint");
    checkpoint->nr_disks++;
  }
  return 0;
}

static int
plan_new_checkpoint (struct plan *plan, const struct plan_request *request)
{
  if (plan->checkpoint == NULL)
    return 0;
  if (plan->checkpoint->nr_disks == 0 && cover_backup_disks (plan) == -1)
    return -1;
  if (plan_checkpoint (request, plan->checkpoint, plan->inventory) == -1)
    return -1;
  return check_checkpoint_disks (plan);
}

struct plan *
plan_new (const struct plan_request *request, struct backup *backup,
          struct checkpoint *checkpoint, struct disk_list *inventory)
{
  CLEANUP_PLAN struct plan *plan = calloc (1, sizeof *plan);

  if (plan == NULL) {
    backup_free (backup);
    checkpoint_free (checkpoint);
    disk_list_free (inventory);
    fail_errno (ERROR_SYSTEM, "backup");
    return NULL;
  }
  plan->backup = backup;
  plan->checkpoint = checkpoint;
  plan->inventory = inventory;
  plan->scratch_limit = request->scratch.limit;
  plan->retained =
      catalogue_checkpoints (request->state, request->domain->name);
  if (plan->retained == NULL || check_requested (plan) == -1 ||
      add_disks (plan) == -1 || plan_new_checkpoint (plan, request) == -1 ||
      plan_disks (plan, request) == -1)
    return NULL;
  return STEAL (plan);
}
