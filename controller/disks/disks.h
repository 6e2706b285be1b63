/* SPDX-License-Identifier: BSD-3-Clause */
/* The disks of a running QEMU as a backup sees them: name, nodes, size, and why
 * one cannot be backed up. */

#ifndef PULLBACK_DISKS_H
#define PULLBACK_DISKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/qmp/qmp.h"

/* A dirty bitmap that QEMU reports on a disk's node (BlockDirtyInfo). */
struct disk_bitmap {
  char *name;
  uint64_t count;       /* bytes marked dirty */
  uint32_t granularity; /* bytes */
  bool recording, persistent, inconsistent, busy;
  bool merged; /* holds what those of this name in backing images hold; set by
                  who has merged them */
};

/* An image below the one that is written to. */
struct disk_layer {
  char *node;  /* node-name of its format node */
  char *image; /* what QEMU calls the image: a path or URL; else NULL */
  struct disk_bitmap *bitmaps;
  size_t nr_bitmaps;
};

struct disk {
  char *name;      /* vda: given, else by the device's id or bus */
  char *node;      /* node-name of the format node that carries bitmaps */
  char *top;       /* the node that the device uses: 'node' or a filter on it */
  char *qdev;      /* QOM path of the device that has the property "drive";
                      NULL if there is none */
  char *image;     /* what QEMU calls the image: a path or URL; else NULL */
  char *file;      /* path of the image, perhaps relative to QEMU's folder;
                      NULL if it is not a file */
  char *format;    /* driver of the node: qcow2, raw ... */
  uint64_t size;   /* bytes, virtual */
  bool iothread;   /* its device runs in an iothread */
  bool persistent; /* the format stores bitmaps in the image (qcow2 v3) */
  char *reason;    /* why it cannot be backed up at all, else NULL */
  struct disk_bitmap *bitmaps; /* of 'node', in QEMU's order: newest first */
  size_t nr_bitmaps;
  struct disk_layer *layers; /* the backing chain, from the top */
  size_t nr_layers;
};

struct disk_list {
  struct disk *disks;
  size_t nr_disks;
};

/* A name that the user gave to a device or node ("vda=QDEV-OR-NODE"). */
struct disk_name {
  const char *name;
  const char *device;
};

/* Reads the disks from query-block and query-named-block-nodes.  'names' come
 * first; an unknown device in them is an error that lists those there are.
 * Two disks never have the same name.  NULL: reported. */
struct disk_list *disks_query (struct qmp *qmp, const struct disk_name *names,
                               size_t nr_names);
void disk_list_free (struct disk_list *list);

/* NULL if there is none; not reported. */
struct disk *disk_by_name (struct disk_list *list, const char *name);
struct disk_bitmap *disk_bitmap (const struct disk *disk, const char *name);

/* Of the 'layer'th image below the top; NULL if there is none. */
struct disk_bitmap *disk_layer_bitmap (const struct disk *disk, size_t layer,
                                       const char *name);

/* Whether backing images have bitmaps of this name.  They hold what changed
 * before a snapshot, the one on top only what did since. */
bool disk_bitmap_is_split (const struct disk *disk, const char *name);

/* Why the changes that the bitmap recorded are not known (missing,
 * inconsistent, not recording, or by libvirt's rules for a backing chain), as a
 * text of static life time; NULL if they are. */
const char *disk_bitmap_broken (const struct disk *disk, const char *name);

/* The same, or that something else in QEMU uses it at present.  A bitmap that
 * fails this is never a base. */
const char *disk_bitmap_unusable (const struct disk *disk, const char *name);

static inline void
cleanup_disk_list_free (struct disk_list **list)
{
  disk_list_free (*list);
}
#define CLEANUP_DISK_LIST __attribute__ ((cleanup (cleanup_disk_list_free)))

#endif /* PULLBACK_DISKS_H */
