/* SPDX-License-Identifier: BSD-3-Clause */
/* The inventory: one disk for each entry of query-block, with what the node
 * that carries its bitmaps says of it. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/disks/internal.h"
#include "controller/disks/nodes.h"
#include "controller/qmp/json.h"

static uint64_t
number (json_object *object, const char *key)
{
  json_object *value;

  if (!json_object_is_type (object, json_type_object) ||
      !json_object_object_get_ex (object, key, &value))
    return 0;
  return json_object_get_uint64 (value);
}

static int
copy (char **to, const char *from)
{
  if (!from)
    return 0;
  free (*to);
  *to = strdup (from);
  return *to ? 0 : fail (ERROR_SYSTEM, "out of memory");
}

/* qcow2 keeps bitmaps since its version 3, which is "compat 1.1". */
static bool
keeps_bitmaps (json_object *image)
{
  json_object *data;

  return json_object_object_get_ex (image, "format-specific", &data) &&
         qmp_string_is (data, "type", "qcow2") &&
         json_object_object_get_ex (data, "data", &data) &&
         qmp_string (data, "compat") && !qmp_string_is (data, "compat", "0.10");
}

static int
read_bitmaps (json_object *node, struct disk_bitmap **bitmaps,
              size_t *nr_bitmaps)
{
  json_object *list = qmp_list (node, "dirty-bitmaps");

  *bitmaps = calloc (qmp_length (list) + 1, sizeof **bitmaps);
  if (!*bitmaps)
    return fail (ERROR_SYSTEM, "out of memory");
  for (size_t i = 0; i < qmp_length (list); i++) {
    json_object *entry = json_object_array_get_idx (list, i);
    struct disk_bitmap *bitmap = &(*bitmaps)[*nr_bitmaps];

    if (!qmp_string (entry, "name")) /* a job's own, of no use to others */
      continue;
    if (copy (&bitmap->name, qmp_string (entry, "name")) < 0)
      return -1;
    bitmap->count = number (entry, "count");
    bitmap->granularity = (uint32_t) number (entry, "granularity");
    bitmap->recording = qmp_true (entry, "recording");
    bitmap->persistent = qmp_true (entry, "persistent");
    bitmap->inconsistent = qmp_true (entry, "inconsistent");
    bitmap->busy = qmp_true (entry, "busy");
    ++*nr_bitmaps;
  }
  return 0;
}

/* Not a description in JSON, which has all that is below the image in it. */
static bool
is_image_name (const char *name)
{
  return name && *name && strncmp (name, "json:", 5) != 0;
}

/* Nor a URL. */
static bool
is_file_name (const char *name)
{
  return is_image_name (name) && !strstr (name, "://");
}

/* More images than QEMU opens as one chain. */
#define MAX_LAYERS 1024

static int
read_layers (struct qmp *qmp, struct disk_nodes *nodes, json_object *node,
             struct disk *disk)
{
  json_object *below;

  for (; disk->nr_layers < MAX_LAYERS; node = below) {
    struct disk_layer *layers, *layer;
    const char *file;

    if (disk_node_backing (qmp, nodes, node, &below) < 0)
      return -1;
    if (!below)
      return 0;
    layers = reallocarray (disk->layers, disk->nr_layers + 1, sizeof *layers);
    if (!layers)
      return fail (ERROR_SYSTEM, "out of memory");
    disk->layers = layers;
    layer = &layers[disk->nr_layers++];
    *layer = (struct disk_layer){ 0 };
    file = qmp_string (below, "file");
    if (copy (&layer->node, qmp_string (below, "node-name")) < 0 ||
        (is_image_name (file) && copy (&layer->image, file) < 0) ||
        read_bitmaps (below, &layer->bitmaps, &layer->nr_bitmaps) < 0)
      return -1;
  }
  return 0;
}

static int
read_node (struct disk *disk, json_object *node)
{
  json_object *image, *active;
  const char *file = qmp_string (node, "file");

  if (copy (&disk->node, qmp_string (node, "node-name")) < 0 ||
      copy (&disk->format, qmp_string (node, "drv")) < 0 ||
      (is_image_name (file) && copy (&disk->image, file) < 0) ||
      (is_file_name (file) && copy (&disk->file, file) < 0))
    return -1;
  if (json_object_object_get_ex (node, "image", &image)) {
    disk->size = number (image, "virtual-size");
    disk->persistent = keeps_bitmaps (image);
  }
  if (json_object_object_get_ex (node, "active", &active) &&
      !json_object_get_boolean (active) &&
      copy (&disk->reason, "it is inactive, as during a migration") < 0)
    return -1;
  return read_bitmaps (node, &disk->bitmaps, &disk->nr_bitmaps);
}

/* Why it cannot be backed up at all; the first that applies. */
static const char *
reason_against (const struct disk *disk, json_object *entry,
                json_object *inserted)
{
  if (!disk->qdev)
    return "no device of the guest uses it";
  if (!inserted)
    return "it has no medium";
  if (qmp_true (entry, "removable"))
    return "its medium is removable";
  if (qmp_true (inserted, "ro"))
    return "it is read-only";
  if (!disk->node)
    return "it is under a filter, and this QEMU does not tell what is below";
  if (disk->size == 0)
    return "it has no size";
  return NULL;
}

static int
read_disk (struct qmp *qmp, struct disk_nodes *nodes, json_object *entry,
           struct disk *disk, struct disk_device *device)
{
  json_object *inserted = NULL, *node = NULL;
  const char *qdev = qmp_string (entry, "qdev");

  if (qdev && *qdev && !(device->path = disk_device_path (qdev)))
    return -1;
  if (copy (&device->drive, qmp_string (entry, "device")) < 0 ||
      copy (&disk->qdev, device->path) < 0)
    return -1;
  if (json_object_object_get_ex (entry, "inserted", &inserted)) {
    if (copy (&disk->top, qmp_string (inserted, "node-name")) < 0)
      return -1;
    if (disk->top && disk_node_below_filters (qmp, nodes, disk->top, &node) < 0)
      return -1;
  }
  if (node &&
      (read_node (disk, node) < 0 || read_layers (qmp, nodes, node, disk) < 0))
    return -1;
  return disk->reason
             ? 0
             : copy (&disk->reason, reason_against (disk, entry, inserted));
}

static int
read_disks (struct qmp *qmp, json_object *blocks, struct disk_list *list,
            struct disk_device *devices)
{
  CLEANUP_DISK_NODES struct disk_nodes nodes = { NULL, NULL };

  if (disk_nodes_query (qmp, &nodes) < 0)
    return -1;
  for (size_t i = 0; i < qmp_length (blocks); i++) {
    list->nr_disks = i + 1;
    if (read_disk (qmp, &nodes, json_object_array_get_idx (blocks, i),
                   &list->disks[i], &devices[i]) < 0)
      return -1;
  }
  return 0;
}

/* Two devices can share a node (share-rw=on): it has one point in time, and one
 * set of bitmaps, which the first of them has. */
static int
refuse_shared_nodes (struct disk_list *list)
{
  for (size_t i = 0; i < list->nr_disks; i++) {
    struct disk *disk = &list->disks[i];

    for (size_t j = 0; j < i && disk->node && !disk->reason; j++) {
      const struct disk *other = &list->disks[j];

      if (!other->reason && strcmp (other->node, disk->node) == 0 &&
          asprintf (&disk->reason, "it is the same image as disk '%s'",
                    other->name) < 0) {
        disk->reason = NULL;
        return fail (ERROR_SYSTEM, "out of memory");
      }
    }
  }
  return 0;
}

static int
name_disks (struct qmp *qmp, struct disk_list *list,
            struct disk_device *devices, const struct disk_name *names,
            size_t nr_names)
{
  if (disks_assign_names (list, devices, names, nr_names) < 0 ||
      disk_devices_query (qmp, list, devices) < 0)
    return -1;
  for (size_t i = 0; i < list->nr_disks; i++)
    list->disks[i].iothread = devices[i].iothread;
  if (disks_assign_bus_names (list, devices) < 0)
    return -1;
  return refuse_shared_nodes (list);
}

static struct disk_list *
disks_from (struct qmp *qmp, json_object *blocks, const struct disk_name *names,
            size_t nr_names)
{
  CLEANUP_DISK_LIST struct disk_list *list = calloc (1, sizeof *list);
  size_t count = qmp_length (blocks);
  struct disk_device *devices = calloc (count + 1, sizeof *devices);
  int r = -1;

  if (list)
    list->disks = calloc (count + 1, sizeof *list->disks);
  if (!list || !list->disks || !devices)
    fail (ERROR_SYSTEM, "out of memory");
  else if (read_disks (qmp, blocks, list, devices) == 0)
    r = name_disks (qmp, list, devices, names, nr_names);
  for (size_t i = 0; devices && i < count; i++)
    disk_device_clear (&devices[i]);
  free (devices);
  return r < 0 ? NULL : STEAL (list);
}

struct disk_list *
disks_query (struct qmp *qmp, const struct disk_name *names, size_t nr_names)
{
  json_object *blocks;
  struct disk_list *list;

  if (qmp_execute (qmp, "query-block", NULL, &blocks) < 0)
    return NULL;
  list = disks_from (qmp, blocks, names, nr_names);
  json_object_put (blocks);
  return list;
}

static void
free_bitmaps (struct disk_bitmap *bitmaps, size_t nr_bitmaps)
{
  for (size_t i = 0; i < nr_bitmaps; i++)
    free (bitmaps[i].name);
  free (bitmaps);
}

static void
free_layers (struct disk *disk)
{
  for (size_t i = 0; i < disk->nr_layers; i++) {
    free (disk->layers[i].node);
    free (disk->layers[i].image);
    free_bitmaps (disk->layers[i].bitmaps, disk->layers[i].nr_bitmaps);
  }
  free (disk->layers);
}

void
disk_list_free (struct disk_list *list)
{
  if (!list)
    return;
  for (size_t i = 0; list->disks && i < list->nr_disks; i++) {
    struct disk *disk = &list->disks[i];

    free_bitmaps (disk->bitmaps, disk->nr_bitmaps);
    free_layers (disk);
    free (disk->name);
    free (disk->node);
    free (disk->top);
    free (disk->qdev);
    free (disk->image);
    free (disk->file);
    free (disk->format);
    free (disk->reason);
  }
  free (list->disks);
  free (list);
}

struct disk *
disk_by_name (struct disk_list *list, const char *name)
{
  for (size_t i = 0; i < list->nr_disks; i++)
    if (list->disks[i].name && strcmp (list->disks[i].name, name) == 0)
      return &list->disks[i];
  return NULL;
}

static struct disk_bitmap *
find_bitmap (struct disk_bitmap *bitmaps, size_t nr_bitmaps, const char *name)
{
  for (size_t i = 0; i < nr_bitmaps; i++)
    if (strcmp (bitmaps[i].name, name) == 0)
      return &bitmaps[i];
  return NULL;
}

struct disk_bitmap *
disk_bitmap (const struct disk *disk, const char *name)
{
  return find_bitmap (disk->bitmaps, disk->nr_bitmaps, name);
}

struct disk_bitmap *
disk_layer_bitmap (const struct disk *disk, size_t layer, const char *name)
{
  return find_bitmap (disk->layers[layer].bitmaps,
                      disk->layers[layer].nr_bitmaps, name);
}

bool
disk_bitmap_is_split (const struct disk *disk, const char *name)
{
  for (size_t i = 0; i < disk->nr_layers; i++)
    if (disk_layer_bitmap (disk, i, name))
      return true;
  return false;
}

/* libvirt's rules: those of one name are in images next to one another from
 * the top, and all of them record and are consistent. */
static const char *
layers_unusable (const struct disk *disk, const char *name)
{
  bool ended = false;

  for (size_t i = 0; i < disk->nr_layers; i++) {
    const struct disk_bitmap *bitmap = disk_layer_bitmap (disk, i, name);

    if (!bitmap)
      ended = true;
    else if (ended)
      return "its bitmap is missing in an image in the middle of the backing "
             "chain";
    else if (bitmap->inconsistent)
      return "its bitmap in a backing image is inconsistent";
    else if (!bitmap->recording)
      return "its bitmap in a backing image is not recording";
  }
  return NULL;
}

const char *
disk_bitmap_broken (const struct disk *disk, const char *name)
{
  const struct disk_bitmap *bitmap = disk_bitmap (disk, name);
  bool split = disk_bitmap_is_split (disk, name);
  const char *why;

  if (!bitmap)
    return split
               ? "its bitmap is in a backing image only: a snapshot was made "
                 "that did not carry it over"
               : "its bitmap is missing: it was removed, or QEMU ended before "
                 "it had stored it";
  if (bitmap->inconsistent)
    return "its bitmap is inconsistent: QEMU was not ended properly, or did "
           "not store it";
  if (!bitmap->recording)
    return "its bitmap is not recording";
  why = layers_unusable (disk, name);
  if (!why && split && !bitmap->merged)
    why = "its bitmap in a backing image could not be merged into that of the "
          "image on top";
  return why;
}

const char *
disk_bitmap_unusable (const struct disk *disk, const char *name)
{
  const char *why = disk_bitmap_broken (disk, name);

  return why                              ? why
         : disk_bitmap (disk, name)->busy ? "its bitmap is in use by another "
                                            "operation of QEMU"
                                          : NULL;
}
