/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of a push only: what it consists of. */

#ifndef PULLBACK_CAPTURE_PUSH_INTERNAL_H
#define PULLBACK_CAPTURE_PUSH_INTERNAL_H

#include <stdatomic.h>
#include <string.h>

#include "controller/capture/internal.h"
#include "controller/capture/push.h"

struct pushed_disk {
  const struct push_disk *request;
  char job[NAME_SIZE];     /* blockdev-backup */
  char filter[NAME_SIZE];  /* that it inserts */
  char storage[NAME_SIZE]; /* node of the file, device or server */
  char target[NAME_SIZE];  /* node of the image in it */
  uint64_t offset, length; /* of the job */
  atomic_bool cancelled;   /* by somebody else */
};

struct push {
  struct qmp *qmp;
  struct push_disk *requests; /* a copy */
  struct pushed_disk *disks;
  size_t nr_disks;
  struct undo_list made;
  struct push_report report;
  bool limits_workers; /* this QEMU can */
  atomic_bool ending;
};

/* The empty file, if it is to be one. */
int push_target_make_file (struct push *push, struct pushed_disk *disk);
int push_target_make (struct push *push, struct pushed_disk *disk);
/* Whether all that was written is on stable storage; -1: no, reported. */
int push_target_flush (struct push *push, const struct pushed_disk *disk);

#endif /* PULLBACK_CAPTURE_PUSH_INTERNAL_H */
