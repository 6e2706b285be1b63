/* SPDX-License-Identifier: BSD-3-Clause */
/* Decides whether two raw images are exactly what both disks held after some
 * write of the schedule, and prints that write's number.
 *   checker state SEED NUMBER IMAGE IMAGE   creates the images of that state
 *   checker check SEED IMAGE IMAGE          exit status 1: they are no state */

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/oracle/schedule.h"

/* No test writes for so long; a number above is not a number. */
#define MAX_NUMBER (UINT64_C (1) << 32)
#define ZEROES     UINT64_MAX
/* So many writes in a row may leave nothing behind: those of zeroes, and data
 * that they cover again. */
#define MAX_UNSEEN 32

/* For each sector the number of the write that left it as it is, or ZEROES. */
struct state {
  uint64_t seed;
  uint64_t number;
  uint64_t *writers[ORACLE_DISKS];
};

static void
state_initial (struct state *state, uint64_t seed)
{
  state->seed = seed;
  state->number = 0;
  for (unsigned disk = 0; disk < ORACLE_DISKS; disk++) {
    uint64_t *writers = calloc (ORACLE_SECTORS, sizeof *writers);

    if (writers == NULL)
      err (EXIT_FAILURE, "calloc");
    for (uint64_t i = 0; i < ORACLE_SECTORS; i++)
      writers[i] = oracle_initially_data (i) ? 0 : ZEROES;
    state->writers[disk] = writers;
  }
}

static void
state_free (struct state *state)
{
  for (unsigned disk = 0; disk < ORACLE_DISKS; disk++)
    free (state->writers[disk]);
}

static void
state_advance (struct state *state)
{
  const struct oracle_write w = oracle_write_at (state->seed, ++state->number);

  for (uint64_t i = 0; i < w.nr_sectors; i++)
    state->writers[w.disk][w.sector + i] =
        w.kind == ORACLE_DATA ? state->number : ZEROES;
}

static void
state_at (struct state *state, uint64_t seed, uint64_t number)
{
  state_initial (state, seed);
  while (state->number < number)
    state_advance (state);
}

static void
expected_sector (const struct state *state, unsigned disk, uint64_t sector,
                 uint64_t words[ORACLE_WORDS])
{
  const uint64_t writer = state->writers[disk][sector];

  if (writer == ZEROES)
    memset (words, 0, ORACLE_SECTOR);
  else
    oracle_fill_sector (words, state->seed, writer, disk, sector);
}

/* The image's bytes, for as long as the process lives. */
static char *
map_image (const char *path, bool create)
{
  const int fd =
      open (path, create ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY, 0644);
  struct stat sb;
  void *bytes;

  if (fd < 0 || (create && ftruncate (fd, (off_t) ORACLE_DISK_SIZE) < 0) ||
      fstat (fd, &sb) < 0)
    err (EXIT_FAILURE, "%s", path);
  if ((uint64_t) sb.st_size != ORACLE_DISK_SIZE)
    errx (EXIT_FAILURE, "%s: has %jd bytes instead of %" PRIu64, path,
          (intmax_t) sb.st_size, ORACLE_DISK_SIZE);
  bytes = mmap (NULL, ORACLE_DISK_SIZE,
                create ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED)
    err (EXIT_FAILURE, "%s", path);
  close (fd);
  return bytes;
}

static const char *
image_sector (char *const images[ORACLE_DISKS], unsigned disk, uint64_t sector)
{
  return images[disk] + sector * ORACLE_SECTOR;
}

/* The highest number of a write that the images hold.  A sector that no write
 * can have left ends the search at once. */
static bool
highest_number (uint64_t seed, char *const images[ORACLE_DISKS],
                uint64_t *highest)
{
  static const uint64_t zeroes[ORACLE_WORDS];
  uint64_t words[ORACLE_WORDS];

  *highest = 0;
  for (unsigned disk = 0; disk < ORACLE_DISKS; disk++)
    for (uint64_t i = 0; i < ORACLE_SECTORS; i++) {
      const char *bytes = image_sector (images, disk, i);
      uint64_t number;

      if (memcmp (bytes, zeroes, ORACLE_SECTOR) == 0)
        continue;
      memcpy (&number, bytes, sizeof number);
      oracle_fill_sector (words, seed, number, disk, i);
      if (number > MAX_NUMBER || memcmp (bytes, words, ORACLE_SECTOR) != 0) {
        printf ("disk %u, offset %" PRIu64 ": bytes of no write\n", disk,
                i * ORACLE_SECTOR);
        return false;
      }
      if (number > *highest)
        *highest = number;
    }
  return true;
}

static void
describe (const char *what, const uint64_t words[ORACLE_WORDS])
{
  static const uint64_t zeroes[ORACLE_WORDS];

  if (memcmp (words, zeroes, ORACLE_SECTOR) == 0)
    printf ("%s zeroes", what);
  else
    printf ("%s write %" PRIu64, what, words[0]);
}

static bool
sector_matches (const struct state *state, char *const images[ORACLE_DISKS],
                unsigned disk, uint64_t sector)
{
  uint64_t words[ORACLE_WORDS];

  expected_sector (state, disk, sector, words);
  return memcmp (image_sector (images, disk, sector), words, ORACLE_SECTOR) ==
         0;
}

static uint64_t
differences (const struct state *state, char *const images[ORACLE_DISKS],
             unsigned disk, uint64_t sector, uint64_t nr_sectors)
{
  uint64_t count = 0;

  for (uint64_t i = sector; i < sector + nr_sectors; i++)
    if (!sector_matches (state, images, disk, i))
      count++;
  return count;
}

static void
tell_first_difference (const struct state *state,
                       char *const images[ORACLE_DISKS])
{
  uint64_t expected[ORACLE_WORDS], found[ORACLE_WORDS], i = 0;
  unsigned disk = 0;

  while (sector_matches (state, images, disk, i))
    if (++i == ORACLE_SECTORS) {
      i = 0;
      disk++;
    }
  expected_sector (state, disk, i, expected);
  memcpy (found, image_sector (images, disk, i), ORACLE_SECTOR);
  printf ("disk %u, offset %" PRIu64 ": ", disk, i * ORACLE_SECTOR);
  describe ("holds", found);
  printf ("; after write %" PRIu64, state->number);
  describe (" it holds", expected);
  printf ("\n");
}

static int
refuse (uint64_t seed, uint64_t number, uint64_t wrong,
        char *const images[ORACLE_DISKS])
{
  struct state state;

  state_at (&state, seed, number);
  tell_first_difference (&state, images);
  printf ("no state: %" PRIu64 " sectors differ from that of write %" PRIu64
          "\n",
          wrong, number);
  state_free (&state);
  return EXIT_FAILURE;
}

/* The state is that of the highest number seen, or a few writes past it.  Each
 * write changes the differences only where it writes. */
static int
check (uint64_t seed, char *const images[ORACLE_DISKS])
{
  struct state state;
  uint64_t highest, wrong = 0, wrong_at_highest;

  if (!highest_number (seed, images, &highest))
    return EXIT_FAILURE;
  state_at (&state, seed, highest);
  for (unsigned disk = 0; disk < ORACLE_DISKS; disk++)
    wrong += differences (&state, images, disk, 0, ORACLE_SECTORS);
  wrong_at_highest = wrong;
  while (wrong > 0 && state.number < highest + MAX_UNSEEN) {
    const struct oracle_write w = oracle_write_at (seed, state.number + 1);

    wrong -= differences (&state, images, w.disk, w.sector, w.nr_sectors);
    state_advance (&state);
    wrong += differences (&state, images, w.disk, w.sector, w.nr_sectors);
  }
  if (wrong == 0)
    printf ("%" PRIu64 "\n", state.number);
  state_free (&state);
  return wrong > 0 ? refuse (seed, highest, wrong_at_highest, images)
                   : EXIT_SUCCESS;
}

static void
create (uint64_t seed, uint64_t number, char *const images[ORACLE_DISKS])
{
  uint64_t words[ORACLE_WORDS];
  struct state state;

  state_at (&state, seed, number);
  for (unsigned disk = 0; disk < ORACLE_DISKS; disk++)
    for (uint64_t i = 0; i < ORACLE_SECTORS; i++) {
      if (state.writers[disk][i] == ZEROES)
        continue; /* the file is sparse */
      expected_sector (&state, disk, i, words);
      memcpy (images[disk] + i * ORACLE_SECTOR, words, ORACLE_SECTOR);
    }
  state_free (&state);
}

int
main (int argc, char *argv[])
{
  const bool creates = argc == 6 && strcmp (argv[1], "state") == 0;
  char *images[ORACLE_DISKS];
  uint64_t seed;

  if (!creates && !(argc == 5 && strcmp (argv[1], "check") == 0))
    errx (2, "usage: checker state SEED NUMBER IMAGE IMAGE\n"
             "       checker check SEED IMAGE IMAGE");
  seed = strtoull (argv[2], NULL, 0);
  for (unsigned disk = 0; disk < ORACLE_DISKS; disk++)
    images[disk] = map_image (argv[(creates ? 4 : 3) + disk], creates);
  if (!creates)
    return check (seed, images);
  create (seed, strtoull (argv[3], NULL, 0), images);
  return EXIT_SUCCESS;
}
