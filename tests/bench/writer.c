/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs in the guest of the benchmark: writes at random places of a disk, past
 * the page cache, from as many threads as requests shall be in flight, and
 * prints how many it wrote in a second. bench-writer DISK BYTES-OF-A-WRITE
 * IN-FLIGHT SECONDS */

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define IN_FLIGHT_MAX 256

static int disk;
static size_t length;
static uint64_t places;
static atomic_uint_fast64_t written;
static atomic_bool stopped;

static void *
write_on (void *opaque)
{
  uint64_t state = (uintptr_t) opaque * UINT64_C (0x9e3779b97f4a7c15) + 1;
  char *data = aligned_alloc (4096, length);

  if (data == NULL)
    err (EXIT_FAILURE, "aligned_alloc");
  memset (data, 0x5a, length);
  while (!stopped) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    if (pwrite (disk, data, length, (off_t) (state % places * length)) !=
        (ssize_t) length)
      err (EXIT_FAILURE, "pwrite");
    written++;
  }
  return NULL;
}

static double
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

int
main (int argc, char *argv[])
{
  pthread_t thread;
  unsigned in_flight;
  double start;

  if (argc != 5)
    errx (EXIT_FAILURE, "usage: bench-writer DISK BYTES IN-FLIGHT SECONDS");
  length = strtoul (argv[2], NULL, 10);
  in_flight = strtoul (argv[3], NULL, 10);
  disk = open (argv[1], O_WRONLY | O_DIRECT);
  if (disk < 0)
    err (EXIT_FAILURE, "%s", argv[1]);
  if (length < 512 || length % 512 || in_flight < 1 ||
      in_flight > IN_FLIGHT_MAX)
    errx (EXIT_FAILURE, "%s and %s: not sensible", argv[2], argv[3]);
  places = (uint64_t) lseek (disk, 0, SEEK_END) / length;

  start = now ();
  for (uintptr_t i = 1; i <= in_flight; i++)
    if (pthread_create (&thread, NULL, write_on, (void *) i) != 0)
      errx (EXIT_FAILURE, "pthread_create");
  sleep ((unsigned) strtoul (argv[4], NULL, 10));
  stopped = true;
  printf ("%.0f\n", (double) written / (now () - start));
  return EXIT_SUCCESS;
}
