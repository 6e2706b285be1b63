/* SPDX-License-Identifier: BSD-3-Clause */
/* The watching thread: looks at the files and their file systems, some times a
 * second, and never at QEMU. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/scratch-watch.h"

#define INTERVAL_MS 100

/* From this share of a file system on every block may be the last one. */
#define FULL_PERCENT 98

static const unsigned marks[] = { 75, 90 };
#define NR_MARKS (sizeof marks / sizeof marks[0])

struct scratch_watch {
  const struct plan *plan;
  struct scratch_listener listener;
  uint64_t *thresholds;
  unsigned *told; /* marks told, for each disk, and behind them for all */
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool stopping; /* under the lock */
};

/* Room that is reserved for a file with a threshold is not used yet: QEMU makes
 * the image in it longer as it fills. */
uint64_t
scratch_used (const struct plan_disk *disk, uint64_t threshold)
{
  struct stat status;

  if (stat (disk->scratch, &status) == -1)
    return 0;
  return threshold ? (uint64_t) status.st_size
                   : (uint64_t) status.st_blocks * 512;
}

/* All that the disk's file can ever take. */
static uint64_t
room_for (const struct plan_disk *disk, uint64_t threshold, uint64_t used)
{
  struct statvfs status;

  if (threshold)
    return threshold;
  if (statvfs (disk->scratch, &status) == -1)
    return UINT64_MAX;
  return used + (uint64_t) status.f_bavail * status.f_frsize;
}

static unsigned
percent_of (uint64_t used, uint64_t room)
{
  return room ? (unsigned) ((double) used * 100 / (double) room) : 100;
}

static void
tell_marks (struct scratch_watch *watch, size_t index, const char *disk,
            unsigned percent)
{
  unsigned *told = &watch->told[index];

  /* One that is passed together with a higher one is not worth a word. */
  for (size_t i = NR_MARKS; i > *told; i--)
    if (percent >= marks[i - 1]) {
      watch->listener.mark (watch->listener.opaque, disk, percent);
      *told = i;
    }
}

static uint64_t
look_at_disk (struct scratch_watch *watch, size_t index)
{
  const struct plan_disk *disk = &watch->plan->disks[index];
  const uint64_t threshold = watch->thresholds[index];
  const uint64_t used = scratch_used (disk, threshold);
  unsigned percent = percent_of (used, room_for (disk, threshold, used));

  /* What little is in a file system that others have filled is no news. */
  if (used > 0)
    tell_marks (watch, index, disk->disk->name, percent);
  if (threshold == 0 && percent >= FULL_PERCENT)
    watch->listener.full (watch->listener.opaque, disk->disk->name);
  return used;
}

static void
look (struct scratch_watch *watch)
{
  const uint64_t limit = watch->plan->scratch_limit;
  CLEANUP_FREE char *reason = NULL;
  uint64_t used = 0;

  for (size_t i = 0; i < watch->plan->nr_disks; i++)
    used += look_at_disk (watch, i);
  if (limit == 0)
    return;
  tell_marks (watch, watch->plan->nr_disks, NULL, percent_of (used, limit));
  if (used < limit)
    return;
  if (asprintf (&reason,
                "the scratch files have reached the limit of %" PRIu64 " bytes",
                limit) == -1)
    reason = NULL;
  watch->listener.exhausted (
      watch->listener.opaque,
      reason ? reason : "the scratch files have reached the limit");
}

static bool
wait_for_next (struct scratch_watch *watch)
{
  struct timespec next;
  LOCK_IN_SCOPE (&watch->lock);

  clock_gettime (CLOCK_MONOTONIC, &next);
  next.tv_nsec += INTERVAL_MS * 1000000L;
  next.tv_sec += next.tv_nsec / 1000000000L;
  next.tv_nsec %= 1000000000L;
  while (!watch->stopping &&
         pthread_cond_timedwait (&watch->wake, &watch->lock, &next) == 0)
    ;
  return !watch->stopping;
}

static void *
run (void *opaque)
{
  struct scratch_watch *watch = opaque;

  while (wait_for_next (watch))
    look (watch);
  return NULL;
}

static void
watch_free (struct scratch_watch *watch)
{
  pthread_cond_destroy (&watch->wake);
  pthread_mutex_destroy (&watch->lock);
  free (watch->thresholds);
  free (watch->told);
  free (watch);
}

static void
initialize_locks (struct scratch_watch *watch)
{
  pthread_condattr_t attributes;

  pthread_mutex_init (&watch->lock, NULL);
  pthread_condattr_init (&attributes);
  pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
  pthread_cond_init (&watch->wake, &attributes);
  pthread_condattr_destroy (&attributes);
}

struct scratch_watch *
scratch_watch_start (const struct plan *plan, const uint64_t *thresholds,
                     const struct scratch_listener *listener)
{
  const size_t count = plan->nr_disks;
  struct scratch_watch *watch = calloc (1, sizeof *watch);

  if (watch == NULL) {
    fail_errno (ERROR_SYSTEM, "scratch files");
    return NULL;
  }
  initialize_locks (watch);
  watch->plan = plan;
  watch->listener = *listener;
  watch->told = calloc (count + 1, sizeof *watch->told);
  watch->thresholds = calloc (count + 1, sizeof *watch->thresholds);
  if (watch->told == NULL || watch->thresholds == NULL) {
    fail_errno (ERROR_SYSTEM, "scratch files");
    watch_free (watch);
    return NULL;
  }
  memcpy (watch->thresholds, thresholds, count * sizeof *thresholds);
  errno = pthread_create (&watch->thread, NULL, run, watch);
  if (errno) {
    fail_errno (ERROR_SYSTEM, "cannot start a thread");
    watch_free (watch);
    return NULL;
  }
  return watch;
}

void
scratch_watch_stop (struct scratch_watch *watch)
{
  if (watch == NULL)
    return;
  pthread_mutex_lock (&watch->lock);
  watch->stopping = true;
  pthread_cond_signal (&watch->wake);
  pthread_mutex_unlock (&watch->lock);
  pthread_join (watch->thread, NULL);
  watch_free (watch);
}
