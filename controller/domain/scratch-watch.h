/* SPDX-License-Identifier: BSD-3-Clause */
/* Watches how full the scratch files of a pull backup are: QEMU says nothing
 * before a file system is full, and newer versions nothing then either. */

#ifndef PULLBACK_SCRATCH_WATCH_H
#define PULLBACK_SCRATCH_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "controller/domain/plan.h"

/* Called on the watching thread. */
struct scratch_listener {
  void *opaque;
  /* Of the room for the disk (NULL: for all) this share is used up; once for
   * each of some marks. */
  void (*mark) (void *opaque, const char *disk, unsigned percent);
  /* All that may be used is: the backup is to be given up. */
  void (*exhausted) (void *opaque, const char *reason);
  /* A file system is full, and QEMU may have lost the point in time without a
   * word.  Called again and again. */
  void (*full) (void *opaque, const char *disk);
};

struct scratch_watch;

/* 'thresholds' has for each disk of the plan the bytes at which its method
 * gives the backup up, 0 where it does not, and is copied.  NULL: reported. */
struct scratch_watch *
scratch_watch_start (const struct plan *plan, const uint64_t *thresholds,
                     const struct scratch_listener *listener);
/* Waits until no call runs.  NULL is no error. */
void scratch_watch_stop (struct scratch_watch *watch);

/* The bytes that a disk's scratch file takes at present; 'threshold' as above.
 */
uint64_t scratch_used (const struct plan_disk *disk, uint64_t threshold);

#endif /* PULLBACK_SCRATCH_WATCH_H */
