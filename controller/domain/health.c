/* SPDX-License-Identifier: BSD-3-Clause */
/* Compares a checkpoint with the bitmaps that QEMU reports. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "controller/domain/health.h"
#include "controller/domain/images.h"
#include "controller/domain/plan.h"

static const char *
unknown_image (const struct checkpoint *checkpoint, const struct disk *disk)
{
  return image_is_known (checkpoint, disk)
             ? NULL
             : "the image on top is none of those that recorded its changes: "
               "it is another disk's, or what changed before a snapshot may "
               "be lost; where images were only moved, --redefine with "
               "--redefine-validate accepts it";
}

const char *
checkpoint_unusable (const struct checkpoint *checkpoint,
                     const struct disk *disk)
{
  const char *why =
      disk_bitmap_unusable (disk, checkpoint_bitmap (checkpoint, disk->name));

  return why ? why : unknown_image (checkpoint, disk);
}

static const char *
disk_health (const struct checkpoint *checkpoint,
             const struct checkpoint_disk *entry, struct disk_list *disks)
{
  const struct disk *disk = disk_by_name (disks, entry->name);
  const char *why;

  if (disk == NULL)
    return "the domain has no such disk any more";
  why = disk_bitmap_broken (disk, checkpoint_bitmap (checkpoint, entry->name));
  return why ? why : unknown_image (checkpoint, disk);
}

char *
checkpoint_health (const struct checkpoint *checkpoint, struct disk_list *disks)
{
  char *text = NULL;
  size_t length, i;
  FILE *file = NULL;

  for (i = 0; i < checkpoint->nr_disks; i++) {
    const struct checkpoint_disk *entry = &checkpoint->disks[i];
    const char *why =
        entry->included ? disk_health (checkpoint, entry, disks) : NULL;

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
  const struct disk *disk;

  if (!entry->included || disk_health (checkpoint, entry, disks))
    return -1;
  disk = disk_by_name (disks, entry->name);
  return (int64_t) disk_bitmap (disk,
                                checkpoint_bitmap (checkpoint, entry->name))
      ->count;
}
