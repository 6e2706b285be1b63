/* SPDX-License-Identifier: BSD-3-Clause */
/* Completes a requested checkpoint: name, parent, and a bitmap on every disk
 * that can keep one. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/generation.h"
#include "controller/domain/images.h"
#include "controller/domain/plan.h"
#include "controller/formats/names.h"

const char *
checkpoint_bitmap (const struct checkpoint *checkpoint, const char *disk)
{
  size_t i;

  for (i = 0; i < checkpoint->nr_disks; i++) {
    const struct checkpoint_disk *entry = &checkpoint->disks[i];

    if (entry->included && strcmp (entry->name, disk) == 0)
      return entry->bitmap ? entry->bitmap : checkpoint->name;
  }
  return NULL;
}

static struct checkpoint_disk *
find_disk (struct checkpoint *checkpoint, const char *name)
{
  size_t i;

  for (i = 0; i < checkpoint->nr_disks; i++) {
    if (strcmp (checkpoint->disks[i].name, name) == 0)
      return &checkpoint->disks[i];
  }
  return NULL;
}

/* The time in seconds, as libvirt makes a name up; a later one where that is in
 * use, after a clock was set back or for the second within a second. */
static int
make_name (const struct checkpoint_list *retained,
           struct checkpoint *checkpoint)
{
  int64_t number = checkpoint->creation_time;

  do {
    free (checkpoint->name);
    if (asprintf (&checkpoint->name, "%" PRId64, number++) == -1) {
      checkpoint->name = NULL;
      return fail_errno (ERROR_SYSTEM, "checkpoint");
    }
  } while (checkpoint_list_find (retained, checkpoint->name));
  return 0;
}

static int
choose_name (const struct plan_request *request,
             const struct checkpoint_list *retained,
             struct checkpoint *checkpoint)
{
  checkpoint->creation_time = time (NULL);
  if (checkpoint->name == NULL && make_name (retained, checkpoint) == -1)
    return -1;
  if (name_check ("checkpoint", checkpoint->name) == -1)
    return -1;
  if (checkpoint_list_find (retained, checkpoint->name))
    return fail (ERROR_CONFLICT,
                 "checkpoint '%s' of domain '%s' exists already; choose "
                 "another name, or delete it: pullback checkpoint-delete "
                 "%s %s",
                 checkpoint->name, request->domain->name, request->domain->name,
                 checkpoint->name);
  return 0;
}

const struct disk *
plan_find_disk (struct disk_list *inventory, char **name)
{
  const struct disk *disk = disk_by_name (inventory, *name);
  size_t i;

  for (i = 0; disk == NULL && i < inventory->nr_disks; i++) {
    const struct disk *other = &inventory->disks[i];

    if (other->file && strcmp (other->file, *name) == 0) {
      char *copy = strdup (other->name);

      if (copy == NULL) {
        fail_errno (ERROR_SYSTEM, "disk '%s'", *name);
        return NULL;
      }
      free (*name);
      *name = copy;
      disk = other;
    }
  }
  if (disk == NULL)
    fail (ERROR_NOT_FOUND,
          "the domain has no disk '%s'; 'pullback domain-info' shows its disks",
          *name);
  return disk;
}

int
plan_check_disk (struct checkpoint_disk *entry, struct disk_list *inventory)
{
  const struct disk *disk = plan_find_disk (inventory, &entry->name);

  if (disk == NULL)
    return -1;
  if (!entry->included)
    return 0;
  if (disk->reason)
    return fail (ERROR_UNSUPPORTED, "disk '%s' cannot have a checkpoint: %s",
                 disk->name, disk->reason);
  if (!disk->persistent)
    return fail (ERROR_UNSUPPORTED,
                 "disk '%s' cannot have a checkpoint: format '%s' keeps no "
                 "bitmaps; leave it out, or convert the image to qcow2",
                 disk->name, disk->format);
  return 0;
}

int
plan_add_disks (struct checkpoint *checkpoint,
                const struct disk_list *inventory)
{
  bool all = checkpoint->nr_disks == 0;
  struct checkpoint_disk *disks = reallocarray (
      checkpoint->disks, checkpoint->nr_disks + inventory->nr_disks + 1,
      sizeof *disks);
  size_t i;

  if (disks == NULL)
    return fail_errno (ERROR_SYSTEM, "checkpoint");
  checkpoint->disks = disks;
  for (i = 0; i < inventory->nr_disks; i++) {
    const struct disk *disk = &inventory->disks[i];
    struct checkpoint_disk *entry = &disks[checkpoint->nr_disks];

    if (find_disk (checkpoint, disk->name))
      continue;
    *entry = (struct checkpoint_disk){ .size = -1 };
    entry->name = strdup (disk->name);
    if (entry->name == NULL)
      return fail_errno (ERROR_SYSTEM, "checkpoint");
    entry->included = all && disk->reason == NULL && disk->persistent;
    checkpoint->nr_disks++;
  }
  return 0;
}

/* A bitmap of two checkpoints would tell the changes since the one for those
 * since the other: also where the other has lost its own. */
static int
check_not_shared (const struct plan_request *request,
                  const struct checkpoint_list *retained,
                  const struct checkpoint *checkpoint,
                  const struct checkpoint_disk *entry)
{
  size_t i;

  for (i = 0; i < retained->nr_checkpoints; i++) {
    const struct checkpoint *other = retained->checkpoints[i];
    const char *bitmap = checkpoint_bitmap (other, entry->name);

    if (bitmap && strcmp (other->name, checkpoint->name) != 0 &&
        strcmp (bitmap, entry->bitmap) == 0)
      return fail (ERROR_CONFLICT,
                   "bitmap '%s' on disk '%s' is checkpoint '%s's; choose "
                   "another name, or delete that one: pullback "
                   "checkpoint-delete %s %s",
                   bitmap, entry->name, other->name, request->domain->name,
                   other->name);
  }
  return 0;
}

int
plan_name_bitmaps (const struct plan_request *request,
                   const struct checkpoint_list *retained,
                   struct checkpoint *checkpoint)
{
  size_t i, included = 0;

  for (i = 0; i < checkpoint->nr_disks; i++) {
    struct checkpoint_disk *entry = &checkpoint->disks[i];

    if (!entry->included)
      continue;
    included++;
    if (entry->bitmap == NULL &&
        (entry->bitmap = strdup (checkpoint->name)) == NULL)
      return fail_errno (ERROR_SYSTEM, "checkpoint");
    if (name_check ("bitmap", entry->bitmap) == -1 ||
        check_not_shared (request, retained, checkpoint, entry) == -1)
      return -1;
  }
  if (included == 0)
    return fail (ERROR_UNSUPPORTED,
                 "no disk can keep checkpoint '%s'; 'pullback domain-info' "
                 "says why",
                 checkpoint->name);
  return 0;
}

/* Its bitmaps are yet to be made. */
static int
check_free (const struct checkpoint *checkpoint, struct disk_list *inventory)
{
  size_t i;

  for (i = 0; i < checkpoint->nr_disks; i++) {
    const struct checkpoint_disk *entry = &checkpoint->disks[i];
    const struct disk *disk = disk_by_name (inventory, entry->name);

    /* Bitmaps of one name in a backing chain are one, by libvirt's rules. */
    if (entry->included && disk_bitmap_is_split (disk, entry->bitmap))
      return fail (ERROR_CONFLICT,
                   "a backing image of disk '%s' has a bitmap '%s' already, "
                   "which cannot be told from a new one; choose another name",
                   entry->name, entry->bitmap);
    if (entry->included && disk_bitmap (disk, entry->bitmap))
      return fail (ERROR_CONFLICT,
                   "disk '%s' already has a bitmap '%s', which is not of a "
                   "checkpoint known here; choose another name, or make it one "
                   "with 'pullback checkpoint-import'",
                   entry->name, entry->bitmap);
  }
  return 0;
}

int
plan_checkpoint (const struct plan_request *request,
                 struct checkpoint *checkpoint, struct disk_list *inventory)
{
  CLEANUP_CHECKPOINT_LIST struct checkpoint_list *retained =
      catalogue_checkpoints (request->state, request->domain->name);
  size_t i;

  if (retained == NULL || choose_name (request, retained, checkpoint) == -1)
    return -1;
  for (i = 0; i < checkpoint->nr_disks; i++) {
    if (plan_check_disk (&checkpoint->disks[i], inventory) == -1)
      return -1;
  }
  if (plan_add_disks (checkpoint, inventory) == -1 ||
      plan_name_bitmaps (request, retained, checkpoint) == -1 ||
      check_free (checkpoint, inventory) == -1)
    return -1;
  if (images_set (checkpoint, inventory) == -1)
    return -1;
  free (checkpoint->parent);
  error_clear ();
  checkpoint->parent =
      catalogue_current (request->state, request->domain->name);
  if (checkpoint->parent == NULL && error_kind () != ERROR_NONE)
    return -1;
  free (checkpoint->generation);
  checkpoint->generation = generation_new ();
  if (checkpoint->generation == NULL)
    return -1;
  free (checkpoint->domain_name);
  checkpoint->domain_name = strdup (request->domain->name);
  return checkpoint->domain_name ? 0 : fail_errno (ERROR_SYSTEM, "checkpoint");
}
