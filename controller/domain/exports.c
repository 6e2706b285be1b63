/* SPDX-License-Identifier: BSD-3-Clause */
/* Names the exports of a plan's disks, as the plugin does. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/common/error.h"
#include "controller/domain/exports.h"

void
plan_exports_clear (struct plan_exports *exports)
{
  for (size_t i = 0; i < exports->count; i++)
    free (exports->items[i].name);
  free (exports->items);
}

static int
add (struct plan_exports *exports, const struct plan *plan, size_t disk,
     const char *checkpoint, bool in_place)
{
  struct plan_export *export = &exports->items[exports->count];

  *export = (struct plan_export){ .disk = disk,
                                  .checkpoint = checkpoint,
                                  .in_place = in_place };
  if (asprintf (&export->name, "%s%s%s%s", plan->disks[disk].export_name,
                checkpoint ? "@" : "", checkpoint ? checkpoint : "",
                in_place ? "/inplace" : "") == -1)
    return fail_errno (ERROR_SYSTEM, "exports");
  exports->count++;
  return 0;
}

static int
add_disk (struct plan_exports *exports, const struct plan *plan, size_t disk)
{
  const struct plan_disk *planned = &plan->disks[disk];

  if (!planned->changes_only && add (exports, plan, disk, NULL, false) == -1)
    return -1;
  for (size_t i = 0; i < planned->nr_change_maps; i++) {
    const char *checkpoint = planned->change_maps[i].checkpoint;

    if (add (exports, plan, disk, checkpoint, false) == -1 ||
        add (exports, plan, disk, checkpoint, true) == -1)
      return -1;
  }
  return 0;
}

int
plan_exports (const struct plan *plan, struct plan_exports *exports)
{
  size_t room = 0;

  for (size_t i = 0; i < plan->nr_disks; i++)
    room += 1 + 2 * plan->disks[i].nr_change_maps;
  exports->count = 0;
  exports->items = calloc (room + 1, sizeof *exports->items);
  if (exports->items == NULL)
    return fail_errno (ERROR_SYSTEM, "exports");
  for (size_t i = 0; i < plan->nr_disks; i++)
    if (add_disk (exports, plan, i) == -1)
      return -1;
  return 0;
}

static const struct plan_export *
find (const struct plan_exports *exports, const char *name)
{
  for (size_t i = 0; i < exports->count; i++)
    if (strcmp (exports->items[i].name, name) == 0)
      return &exports->items[i];
  return NULL;
}

bool
plan_export_belongs (const struct plan_exports *exports,
                     const struct plan_export *export, const char *name)
{
  const struct plan_export *asked = find (exports, name);

  if (asked == NULL || asked->disk != export->disk)
    return false;
  if (asked == export || asked->checkpoint == NULL)
    return true;
  return !asked->in_place && export->checkpoint &&
         strcmp (asked->checkpoint, export->checkpoint) == 0;
}
