/* SPDX-License-Identifier: BSD-3-Clause */
/* The names of the disks: given by the user, else the device's id or what
 * libvirt calls a disk whose device has such an id, else the next free one of
 * its bus.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/disks/internal.h"

static bool
same (const char *a, const char *b)
{
  return a && b && strcmp (a, b) == 0;
}

static bool
matches (const struct disk *disk, const struct disk_device *device,
         const char *wanted)
{
  return same (disk->qdev, wanted) ||
         same (disk_device_id (disk->qdev), wanted) ||
         same (disk->node, wanted) || same (disk->top, wanted) ||
         (*wanted && same (device->drive, wanted));
}

/* What the user can write for each disk, for an error. */
static char *
known_devices (const struct disk_list *list)
{
  char *text = NULL;
  size_t size;
  FILE *stream = open_memstream (&text, &size);

  if (!stream)
    return NULL;
  for (size_t i = 0; i < list->nr_disks; i++) {
    const struct disk *disk = &list->disks[i];
    const char *id = disk_device_id (disk->qdev);

    if (!id)
      id = disk->qdev ? disk->qdev : disk->node;
    fprintf (stream, "%s%s", i > 0 ? ", " : "", id ? id : "(none)");
    if (disk->node && id != disk->node)
      fprintf (stream, " (node %s)", disk->node);
  }
  fclose (stream);
  return text;
}

static int
assign_given (struct disk_list *list, const struct disk_device *devices,
              const struct disk_name *name)
{
  struct disk *found = NULL;
  CLEANUP_FREE char *known = NULL;

  if (disk_by_name (list, name->name))
    return fail (ERROR_INVALID, "the disk name '%s' is given twice",
                 name->name);
  for (size_t i = 0; i < list->nr_disks && !found; i++)
    if (matches (&list->disks[i], &devices[i], name->device))
      found = &list->disks[i];
  if (!found) {
    known = known_devices (list);
    return fail (ERROR_NOT_FOUND,
                 "disk '%s': there is no device or node '%s': plug it in, or "
                 "give --disk of domain-add one of those there are: %s",
                 name->name, name->device,
                 known && *known ? known : "no disks");
  }
  if (found->name)
    return fail (ERROR_INVALID,
                 "the device '%s' is given two names, '%s' and '%s'",
                 name->device, found->name, name->name);
  found->name = strdup (name->name);
  return found->name ? 0 : fail (ERROR_SYSTEM, "out of memory");
}

/* a ... z, aa ... : as Linux counts disks. */
static void
letters (unsigned index, char text[8])
{
  char reversed[8];
  size_t n = 0, i = 0;

  do {
    reversed[n++] = 'a' + index % 26;
    index = index / 26;
  } while (index-- > 0 && n < sizeof reversed - 1);
  while (n > 0)
    text[i++] = reversed[--n];
  text[i] = '\0';
}

static char *
bus_name (const char *prefix, unsigned index)
{
  char text[8];
  char *name;
  int r;

  letters (index, text);
  if (strcmp (prefix, "nvme") == 0)
    r = asprintf (&name, "nvme%un1", index);
  else if (strcmp (prefix, "mmcblk") == 0 || strcmp (prefix, "fd") == 0)
    r = asprintf (&name, "%s%u", prefix, index);
  else
    r = asprintf (&name, "%s%s", prefix, text);
  return r < 0 ? NULL : name;
}

static int
assign_by_bus (struct disk_list *list, struct disk *disk, const char *prefix)
{
  CLEANUP_FREE char *name = NULL;

  for (unsigned i = 0; i <= list->nr_disks; i++) {
    free (name);
    name = bus_name (prefix ? prefix : "disk", i);
    if (!name)
      break;
    if (!disk_by_name (list, name)) {
      disk->name = STEAL (name);
      return 0;
    }
  }
  return fail (ERROR_SYSTEM, "out of memory");
}

/* libvirt's name of the disk, where it has given the device such an id, of
 * which the number counts as the name's letters do.  The ids on its other buses
 * are addresses, which do not tell.  NULL: it has not. */
static char *
name_in_libvirt (const char *id)
{
  static const struct {
    const char *start, *prefix;
  } ids[] = { { "virtio-disk", "vd" }, { "usb-disk", "sd" } };

  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    const char *number = id + strlen (ids[i].start);
    unsigned index;
    int length;

    if (strncmp (id, ids[i].start, strlen (ids[i].start)) == 0 &&
        strspn (number, "0123456789") == strlen (number) &&
        sscanf (number, "%5u%n", &index, &length) == 1 && !number[length])
      return bus_name (ids[i].prefix, index);
  }
  return NULL;
}

/* Leaves a disk that has a name, and a name that another disk has. */
static int
assign_if_free (struct disk_list *list, struct disk *disk, const char *name)
{
  if (disk->name || !name || disk_by_name (list, name))
    return 0;
  disk->name = strdup (name);
  return disk->name ? 0 : fail (ERROR_SYSTEM, "out of memory");
}

/* An id that is a name goes before one that only stands for it. */
static int
assign_by_id (struct disk_list *list, bool in_libvirt)
{
  for (size_t i = 0; i < list->nr_disks; i++) {
    struct disk *disk = &list->disks[i];
    const char *id = disk_device_id (disk->qdev);
    CLEANUP_FREE char *name = id ? name_in_libvirt (id) : NULL;

    if (in_libvirt == (name != NULL) &&
        (assign_if_free (list, disk, name) < 0 ||
         assign_if_free (list, disk, id) < 0))
      return -1;
  }
  return 0;
}

int
disks_assign_names (struct disk_list *list, const struct disk_device *devices,
                    const struct disk_name *names, size_t nr_names)
{
  for (size_t i = 0; i < nr_names; i++)
    if (assign_given (list, devices, &names[i]) < 0)
      return -1;
  return assign_by_id (list, false) < 0 || assign_by_id (list, true) < 0 ? -1
                                                                         : 0;
}

int
disks_assign_bus_names (struct disk_list *list,
                        const struct disk_device *devices)
{
  for (size_t i = 0; i < list->nr_disks; i++)
    if (!list->disks[i].name &&
        assign_by_bus (list, &list->disks[i], devices[i].prefix) < 0)
      return -1;
  return 0;
}
