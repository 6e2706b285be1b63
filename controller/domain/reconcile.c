/* SPDX-License-Identifier: BSD-3-Clause */
/* Reconciles a domain's catalogue with its QEMU. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/bitmaps.h"
#include "controller/domain/health.h"
#include "controller/domain/images.h"
#include "controller/domain/json.h"
#include "controller/domain/monitor.h"
#include "controller/domain/plan.h"
#include "controller/domain/reconcile.h"

void
reconciled_clear (struct reconciled *reconciled)
{
  disk_list_free (reconciled->disks);
  checkpoint_list_free (reconciled->checkpoints);
  *reconciled = (struct reconciled){ 0 };
}

static int
read_both (const struct reconcile_request *request,
           struct reconciled *reconciled)
{
  reconciled_clear (reconciled);
  reconciled->disks = monitor_disks (request->qmp, request->domain);
  if (reconciled->disks)
    reconciled->checkpoints =
        catalogue_checkpoints (request->state, request->domain->name);
  return reconciled->checkpoints ? 0 : -1;
}

/* Removes the bitmaps of those of the names that still have metadata, then the
 * metadata.  Without metadata there is nothing left to be gone. */
static int
remove_doomed (const struct reconcile_request *request,
               const struct checkpoint_list *list, name_list names)
{
  CLEANUP_FREE const struct checkpoint **left =
      calloc (list->nr_checkpoints + 1, sizeof *left);
  CLEANUP_FREE const char **left_names =
      calloc (list->nr_checkpoints + 1, sizeof *left_names);
  size_t nr_left = 0, i;

  if (left == NULL || left_names == NULL)
    return fail_errno (ERROR_SYSTEM, "checkpoints");
  for (i = 0; names[i] && nr_left < list->nr_checkpoints; i++) {
    const struct checkpoint *checkpoint = checkpoint_list_find (list, names[i]);

    if (checkpoint == NULL)
      continue;
    left[nr_left] = checkpoint;
    left_names[nr_left++] = names[i];
  }
  if (bitmaps_remove (request->qmp, left, request->domain) == -1)
    return -1;
  return catalogue_remove_checkpoints (request->state, request->domain->name,
                                       left_names);
}

static int
finish_doomed (const struct reconcile_request *request,
               struct reconciled *reconciled)
{
  const char *domain = request->domain->name;
  CLEANUP_NAME_LIST name_list names = catalogue_doomed (request->state, domain);
  size_t i;

  if (names == NULL)
    return -1;
  if (names[0] == NULL)
    return 0;
  if (remove_doomed (request, reconciled->checkpoints, names) == -1)
    return fail_prefix (
        "checkpoint '%s' was being made or deleted when the daemon ended, and "
        "what is left of it could not be removed ('pullback checkpoint-delete "
        "%s %s --metadata' forgets it)",
        names[0], domain, names[0]);
  if (catalogue_spare (request->state, domain) == -1)
    return -1;
  for (i = 0; names[i]; i++)
    findings_add_repair (request->findings, domain,
                         "checkpoint '%s' was being made or deleted when the "
                         "daemon ended; what was left of it was removed",
                         names[i]);
  return read_both (request, reconciled);
}

/* The image on top has from now on all that those below have. */
static void
trust_top (const struct reconcile_request *request,
           struct checkpoint *checkpoint, const struct disk *disk)
{
  if (image_is_known (checkpoint, disk) ||
      !image_below_is_known (checkpoint, disk,
                             checkpoint_bitmap (checkpoint, disk->name)))
    return;
  if (image_add (checkpoint, disk->name, disk->image) == -1 ||
      catalogue_replace_checkpoint (request->state, request->domain->name,
                                    checkpoint) == -1)
    log_line ("domain '%s': checkpoint '%s': %s", request->domain->name,
              checkpoint->name, error_message ());
}

/* Merges every bitmap of a checkpoint that backing images have, too. */
static bool
carry_over (const struct reconcile_request *request,
            struct reconciled *reconciled)
{
  const struct checkpoint_list *list = reconciled->checkpoints;
  bool carried = false;
  size_t d, i;

  for (d = 0; d < reconciled->disks->nr_disks; d++) {
    struct disk *disk = &reconciled->disks->disks[d];

    for (i = 0; disk->nr_layers && i < list->nr_checkpoints; i++) {
      struct checkpoint *checkpoint = list->checkpoints[i];
      const char *bitmap = checkpoint_bitmap (checkpoint, disk->name);

      if (bitmap == NULL || !bitmap_carry_over (request->qmp, disk, bitmap))
        continue;
      carried = true;
      trust_top (request, checkpoint, disk);
      findings_add_repair (request->findings, request->domain->name,
                           "checkpoint '%s' was carried over to node '%s' of "
                           "disk '%s' from its backing images",
                           checkpoint->name, disk->node, disk->name);
    }
  }
  return carried;
}

/* The counts are those after the merges. */
static int
read_counts (const struct reconcile_request *request,
             struct reconciled *reconciled)
{
  CLEANUP_DISK_LIST struct disk_list *fresh =
      monitor_disks (request->qmp, request->domain);
  size_t d, i;

  if (fresh == NULL)
    return -1;
  for (d = 0; d < fresh->nr_disks; d++) {
    struct disk *old = disk_by_name (reconciled->disks, fresh->disks[d].name);

    for (i = 0; old && i < fresh->disks[d].nr_bitmaps; i++) {
      struct disk_bitmap *bitmap = &fresh->disks[d].bitmaps[i];
      const struct disk_bitmap *before = disk_bitmap (old, bitmap->name);

      bitmap->merged = before && before->merged;
    }
  }
  disk_list_free (reconciled->disks);
  reconciled->disks = STEAL (fresh);
  return 0;
}

static void
find_broken (const struct reconcile_request *request,
             struct reconciled *reconciled)
{
  const struct checkpoint_list *list = reconciled->checkpoints;
  json_object *broken = json_object_new_object ();
  size_t i;

  for (i = 0; i < list->nr_checkpoints; i++) {
    CLEANUP_FREE char *why =
        checkpoint_health (list->checkpoints[i], reconciled->disks);

    if (why)
      json_add_text (broken, list->checkpoints[i]->name, why);
  }
  findings_set_broken (request->findings, request->domain->name, list, broken);
}

int
reconcile (const struct reconcile_request *request,
           struct reconciled *reconciled)
{
  if (read_both (request, reconciled) == -1 ||
      finish_doomed (request, reconciled) == -1 ||
      (carry_over (request, reconciled) &&
       read_counts (request, reconciled) == -1))
    return -1;
  find_broken (request, reconciled);
  return 0;
}
