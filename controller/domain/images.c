/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeps the images of a checkpoint. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/images.h"
#include "controller/domain/plan.h"
#include "controller/formats/utf8.h"

/* Descriptors that were passed to QEMU have numbers, not names. */
static bool
can_tell (const char *image)
{
  return image && strncmp (image, "/dev/fdset/", 11) != 0;
}

/* A name as a document can hold it: bytes of control characters, and what is
 * not UTF-8, as %0A.  The caller's; NULL: out of memory. */
static char *
written_name (const char *image)
{
  char *written = malloc (3 * strlen (image) + 1), *end = written;

  while (written && *image) {
    const char *start = image;
    int character = utf8_next (&image);

    if (character < 0)
      image++;
    if (character < 0 || is_control (character))
      for (; start < image; start++)
        end += sprintf (end, "%%%02X", (unsigned char) *start);
    else
      end = mempcpy (end, start, (size_t) (image - start));
  }
  if (written)
    *end = '\0';
  return written;
}

/* Older documents, and those of disks that cannot be told, have none. */
static bool
has_images (const struct checkpoint *checkpoint, const char *disk)
{
  size_t i;

  for (i = 0; i < checkpoint->nr_images; i++)
    if (strcmp (checkpoint->images[i].disk, disk) == 0)
      return true;
  return false;
}

static bool
is_known (const struct checkpoint *checkpoint, const char *disk,
          const char *image)
{
  CLEANUP_FREE char *file = written_name (image);
  size_t i;

  for (i = 0; i < checkpoint->nr_images; i++)
    if (file && strcmp (checkpoint->images[i].disk, disk) == 0 &&
        strcmp (checkpoint->images[i].file, file) == 0)
      return true;
  return false;
}

bool
image_is_known (const struct checkpoint *checkpoint, const struct disk *disk)
{
  return !can_tell (disk->image) || !has_images (checkpoint, disk->name) ||
         is_known (checkpoint, disk->name, disk->image);
}

bool
image_below_is_known (const struct checkpoint *checkpoint,
                      const struct disk *disk, const char *bitmap)
{
  size_t i;

  for (i = 0; i < disk->nr_layers; i++)
    if (disk_layer_bitmap (disk, i, bitmap) &&
        (!can_tell (disk->layers[i].image) ||
         is_known (checkpoint, disk->name, disk->layers[i].image)))
      return true;
  return false;
}

int
image_add (struct checkpoint *checkpoint, const char *disk, const char *name)
{
  struct checkpoint_image *images, *image;

  if (!can_tell (name) || is_known (checkpoint, disk, name) ||
      checkpoint->nr_images == FORMATS_MAX_IMAGES)
    return 0;
  images = reallocarray (checkpoint->images, checkpoint->nr_images + 1,
                         sizeof *images);
  if (images == NULL)
    return fail_errno (ERROR_SYSTEM, "checkpoint");
  checkpoint->images = images;
  image = &images[checkpoint->nr_images++];
  image->disk = strdup (disk);
  image->file = written_name (name);
  return image->disk && image->file ? 0
                                    : fail_errno (ERROR_SYSTEM, "checkpoint");
}

static int
add_chain (struct checkpoint *checkpoint, const struct disk *disk,
           const char *bitmap)
{
  size_t i;

  for (i = 0; i < disk->nr_layers; i++)
    if (disk_layer_bitmap (disk, i, bitmap) &&
        image_add (checkpoint, disk->name, disk->layers[i].image) == -1)
      return -1;
  return image_add (checkpoint, disk->name, disk->image);
}

int
images_set (struct checkpoint *checkpoint, struct disk_list *disks)
{
  size_t i;

  for (i = 0; i < checkpoint->nr_images; i++) {
    free (checkpoint->images[i].disk);
    free (checkpoint->images[i].file);
  }
  checkpoint->nr_images = 0;
  for (i = 0; i < disks->nr_disks; i++) {
    const struct disk *disk = &disks->disks[i];
    const char *bitmap = checkpoint_bitmap (checkpoint, disk->name);

    if (bitmap && add_chain (checkpoint, disk, bitmap) == -1)
      return -1;
  }
  return 0;
}
