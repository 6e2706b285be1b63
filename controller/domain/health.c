/* SPDX-License-Identifier: BSD-3-Clause */
/* Compares a checkpoint with the bitmaps that QEMU reports. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "controller/domain/health.h"
#include "controller/domain/plan.h"

const char *
checkpoint_disk_health (const struct checkpoint *checkpoint,
                        const struct checkpoint_disk *entry,
                        struct disk_list *disks)
{
  const struct disk *disk = disk_by_name (disks, entry->name);

  if (disk == NULL)
    return "the domain has no such disk any more";
  return disk_bitmap_broken (disk, checkpoint_bitmap (checkpoint, entry->name));
}

char *
checkpoint_health (const struct checkpoint *checkpoint, struct disk_list *disks)
{
  char *text = NULL;
  size_t length, i;
  FILE *file = NULL;

  for (i = 0; i < checkpoint->nr_disks; i++) {
    const struct checkpoint_disk *entry = &checkpoint->disks[i];
    const char *why = entry->included
                          ? checkpoint_disk_health (checkpoint, entry, disks)
                          : NULL;

    if (why == NULL)
      continue;
    if (file)
      fputs ("; ", file);
    else if ((file = open_memstream (&text, &length)) == NULL)
      return NULL;
    fprintf (file, "disk '%s': %s", entry->name, why);
  }
  if (file)
    fclose (file);
  return text;
}

int64_t
checkpoint_disk_changes (const struct checkpoint *checkpoint,
                         const struct checkpoint_disk *entry,
                         struct disk_list *disks)
{
  const struct disk *disk = disk_by_name (disks, entry->name);
  const char *bitmap = checkpoint_bitmap (checkpoint, entry->name);

  if (disk == NULL || bitmap == NULL || disk_bitmap_broken (disk, bitmap))
    return -1;
  return (int64_t) disk_bitmap (disk, bitmap)->count;
}
