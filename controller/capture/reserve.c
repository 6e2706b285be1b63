/* SPDX-License-Identifier: BSD-3-Clause */
/* Room for the scratch file of a method that fails the guest's writes when
 * there is none: reserved before the start, and an event before it is used up.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/statvfs.h>

#include "common/cleanup.h"
#include "controller/capture/internal.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"

#define MiB ((uint64_t) 1024 * 1024)

/* Below this there is no time between the event and the end of the room. */
#define LEAST_RESERVE (64 * MiB)

/* Every cluster is copied at most once: the whole disk, and qcow2's tables,
 * which take less than a sixteenth of that. */
static uint64_t
most_ever (uint64_t disk_size)
{
  return disk_size + disk_size / 16 + 4 * MiB;
}

static int
check_limit (const struct capture_disk *disk, uint64_t most)
{
  if (!disk->scratch_limit || disk->scratch_limit >= most ||
      disk->scratch_limit >= LEAST_RESERVE)
    return 0;
  return fail (ERROR_INVALID,
               "a limit of %" PRIu64
               " MiB for the scratch file '%s' is too low "
               "for this version of QEMU, which would fail the guest's writes "
               "beyond it: it takes at least %" PRIu64 " MiB for each disk",
               disk->scratch_limit / MiB, disk->scratch, LEAST_RESERVE / MiB);
}

/* All that can be needed, or else half of what is free; no more than the limit.
 */
static int
choose_reserve (int fd, const struct capture_disk *disk, uint64_t *reserve)
{
  uint64_t most = most_ever (disk->disk->size), half;
  struct statvfs status;

  if (check_limit (disk, most) < 0)
    return -1;
  if (fstatvfs (fd, &status) < 0)
    return fail_errno (ERROR_SYSTEM, "cannot ask for the free space at '%s'",
                       disk->scratch);
  half = (uint64_t) status.f_bavail * status.f_frsize / 2;
  *reserve = most < half ? most : half;
  if (*reserve < most && *reserve < LEAST_RESERVE)
    return fail (
        ERROR_CONFLICT,
        "the file system of the scratch file '%s' has only %" PRIu64
        " MiB free; without room there this version of QEMU would fail "
        "the guest's writes: choose another scratch folder",
        disk->scratch, half * 2 / MiB);
  if (disk->scratch_limit && disk->scratch_limit < *reserve)
    *reserve = disk->scratch_limit;
  return 0;
}

static int
reserve_file (const struct capture_disk *disk, uint64_t *reserve)
{
  CLEANUP_CLOSE int fd = open (disk->scratch, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

  if (fd < 0)
    return fail_errno (ERROR_SYSTEM, "cannot open the scratch file '%s'",
                       disk->scratch);
  if (choose_reserve (fd, disk, reserve) < 0)
    return -1;
  /* A file system that cannot reserve leaves the event alone to warn. */
  if (fallocate (fd, FALLOC_FL_KEEP_SIZE, 0, (off_t) *reserve) < 0 &&
      errno != EOPNOTSUPP)
    return fail_errno (ERROR_SYSTEM,
                       "cannot reserve %" PRIu64
                       " MiB for the scratch file '%s'",
                       *reserve / MiB, disk->scratch);
  return 0;
}

int
scratch_reserve (struct captured_disk *disk)
{
  uint64_t reserve = 0, margin;

  if (reserve_file (disk->request, &reserve) < 0)
    return -1;
  if (reserve == most_ever (disk->request->disk->size))
    return 0;
  /* qcow2 grows at its end, so that the offset tells how much is used. */
  margin = reserve / 8 > LEAST_RESERVE / 2 ? reserve / 8 : LEAST_RESERVE / 2;
  disk->threshold = reserve - margin;
  return 0;
}

int
scratch_set_threshold (struct capture *capture, struct captured_disk *disk)
{
  if (!disk->threshold)
    return 0;
  return capture_add_plain (capture, "block-set-write-threshold",
                            qmp_object ("node-name", qmp_text (disk->file),
                                        "write-threshold",
                                        qmp_number (disk->threshold), NULL));
}
