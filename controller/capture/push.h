/* SPDX-License-Identifier: BSD-3-Clause */
/* Has QEMU itself write a point in time of its disks, or what changed up to it,
 * to files, devices or NBD servers: one backup job a disk, all cut at one
 * instant. */

#ifndef PULLBACK_CAPTURE_PUSH_H
#define PULLBACK_CAPTURE_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/capture/capture.h"
#include "controller/formats/formats.h"
#include "controller/qmp/qmp.h"

struct push_disk {
  const struct disk *disk;
  const char *path; /* of the target, a file or device; NULL: 'network' */
  bool is_device;
  const struct backup_network *network;
  const char *format;      /* of the target: "qcow2" or "raw" */
  bool reuse;              /* it is there, formatted */
  const char *new_bitmap;  /* of the new checkpoint, NULL: none is made */
  const char *base_bitmap; /* what it recorded is written; NULL: everything */
};

struct push_request {
  const char *job; /* makes node and job names unique */
  const struct push_disk *disks;
  size_t nr_disks; /* Called when all files are made, and are still empty.  -1:
                      reported. */
  int (*files_made) (void *opaque);
  void *opaque;
};

struct push;

/* Whether a target is a file that the push makes, and may remove. */
static inline bool
push_makes_file (const struct push_disk *disk)
{
  return disk->path && !disk->is_device && !disk->reuse;
}

struct push_report {
  const char *promise; /* what a push cannot promise */
  struct cut_time cut;
};

/* Makes the targets.  The QMP and disks must outlive it, and the strings of the
 * request.  NULL: reported, and all is as it was. */
struct push *push_prepare (struct qmp *qmp, const struct push_request *request);
/* Starts all jobs in one transaction, after the new bitmaps.  -1: reported, and
 * all is as it was; all that is left is to free it. */
int push_cut (struct push *push);
const struct push_report *push_report (const struct push *push);

/* For an event handler: whether push_look will see something new. */
bool push_concerned (struct push *push, const char *event, json_object *data);

enum push_state {
  PUSH_RUNNING,
  PUSH_COMPLETED, /* every disk is written, and flushed */
  PUSH_FAILED,
  PUSH_CANCELLED, /* by somebody else */
};
/* Asks QEMU how it stands.  *reason of the last two is the caller's. */
enum push_state push_look (struct push *push, char **reason);

/* Asks QEMU for the progress; where it does not answer the last stays. */
void push_ask_progress (struct push *push);
/* Of one disk, bytes, as last seen. */
void push_progress (const struct push *push, size_t disk, uint64_t *offset,
                    uint64_t *length);

/* Jobs and nodes go; unless 'keep' the new bitmaps and the files that were made
 * do, too.  Goes on past errors; -1: the first one is reported. */
int push_end (struct push *push, bool keep);

/* Frees the memory, and removes files that were made unless they are kept. */
void push_free (struct push *push);

#endif /* PULLBACK_CAPTURE_PUSH_H */
