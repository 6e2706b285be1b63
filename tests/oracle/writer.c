/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs in the guest: carries out the schedule on its disks, each write complete
 * before the next begins, and keeps the number of the last one in a file.
 *   writer SEED PROGRESS-FILE DISK... */

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/oracle/schedule.h"

static char *buffer; /* ORACLE_MAX_WRITE bytes, aligned for O_DIRECT */

static void
write_bytes (int fd, const struct oracle_write *w)
{
  const size_t length = w->nr_sectors * ORACLE_SECTOR;
  const ssize_t written =
      pwrite (fd, buffer, length, (off_t) (w->sector * ORACLE_SECTOR));

  /* The rest of a short write would be a write of its own. */
  if (written < 0 || (size_t) written != length)
    err (EXIT_FAILURE, "writing %zu bytes", length);
}

static void
carry_out (int fd, uint64_t seed, uint64_t number, const struct oracle_write *w)
{
  uint64_t range[2] = { w->sector * ORACLE_SECTOR,
                        w->nr_sectors * ORACLE_SECTOR };

  switch (w->kind) {
  case ORACLE_WRITE_ZEROES:
    if (ioctl (fd, BLKZEROOUT, range) < 0)
      err (EXIT_FAILURE, "BLKZEROOUT");
    break;
  case ORACLE_DISCARD:
    if (ioctl (fd, BLKDISCARD, range) < 0)
      err (EXIT_FAILURE, "BLKDISCARD");
    break;
  case ORACLE_ZERO_BYTES:
    memset (buffer, 0, w->nr_sectors * ORACLE_SECTOR);
    write_bytes (fd, w);
    break;
  case ORACLE_DATA:
    for (uint64_t i = 0; i < w->nr_sectors; i++)
      oracle_fill_sector ((uint64_t *) (buffer + i * ORACLE_SECTOR), seed,
                          number, w->disk, w->sector + i);
    write_bytes (fd, w);
    break;
  }
}

static void
report (int progress, uint64_t number)
{
  char line[24];
  const int length = snprintf (line, sizeof line, "%" PRIu64 "\n", number);

  if (pwrite (progress, line, (size_t) length, 0) != length)
    err (EXIT_FAILURE, "writing the progress");
}

int
main (int argc, char *argv[])
{
  struct oracle_schedule schedule;
  int disks[ORACLE_MAX_DISKS], progress;

  if (argc < 4 || argc > 3 + ORACLE_MAX_DISKS)
    errx (EXIT_FAILURE, "usage: writer SEED PROGRESS-FILE DISK...");
  schedule.seed = strtoull (argv[1], NULL, 0);
  schedule.disks = (unsigned) argc - 3;
  progress = open (argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (progress < 0)
    err (EXIT_FAILURE, "%s", argv[2]);
  for (unsigned i = 0; i < schedule.disks; i++) {
    disks[i] = open (argv[3 + i], O_WRONLY | O_DIRECT);
    if (disks[i] < 0)
      err (EXIT_FAILURE, "%s", argv[3 + i]);
  }
  buffer = aligned_alloc (4096, ORACLE_MAX_WRITE);
  if (buffer == NULL)
    err (EXIT_FAILURE, "aligned_alloc");

  for (uint64_t number = 1;; number++) {
    const struct oracle_write w = oracle_write_at (&schedule, number);

    carry_out (disks[w.disk], schedule.seed, number, &w);
    report (progress, number);
  }
}
