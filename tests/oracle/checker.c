/* SPDX-License-Identifier: BSD-3-Clause */
/* Decides whether raw images are exactly what all disks held after some write
 * of the schedule, and prints the numbers of the first and the last such write.
 *   checker state SEED NUMBER IMAGE...   creates the images of that state
 *   checker check SEED IMAGE...          exit status 1: they are no state */

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
/* So many writes in a row may leave nothing behind: discards, those of zeroes,
 * and data that they cover again. */
#define MAX_UNSEEN 64

/* A disk's image, and for each sector of it the number of the write that left
 * it as it is, or ZEROES. */
struct disk {
  char *image;
  uint64_t sectors;
  uint64_t *writers;
  bool *discarded; /* since then, so that it may be zeroes, too */
};

struct state {
  struct oracle_schedule schedule;
  uint64_t number;
  struct disk disks[ORACLE_MAX_DISKS];
};

static void
state_initial (struct state *state)
{
  state->number = 0;
  for (unsigned i = 0; i < state->schedule.disks; i++) {
    struct disk *disk = &state->disks[i];

    free (disk->writers);
    free (disk->discarded);
    disk->writers = calloc (disk->sectors, sizeof *disk->writers);
    disk->discarded = calloc (disk->sectors, sizeof *disk->discarded);
    if (disk->writers == NULL || disk->discarded == NULL)
      err (EXIT_FAILURE, "calloc");
    for (uint64_t sector = 0; sector < disk->sectors; sector++)
      disk->writers[sector] = oracle_initially_data (sector) ? 0 : ZEROES;
  }
}

static void
state_advance (struct state *state)
{
  const struct oracle_write w =
      oracle_write_at (&state->schedule, ++state->number);
  struct disk *disk = &state->disks[w.disk];

  for (uint64_t i = w.sector; i < w.sector + w.nr_sectors; i++) {
    disk->discarded[i] = w.kind == ORACLE_DISCARD;
    if (w.kind != ORACLE_DISCARD)
      disk->writers[i] = w.kind == ORACLE_DATA ? state->number : ZEROES;
  }
}

static void
state_at (struct state *state, uint64_t number)
{
  state_initial (state);
  while (state->number < number)
    state_advance (state);
}

static void
expected_sector (const struct state *state, unsigned disk, uint64_t sector,
                 uint64_t words[ORACLE_WORDS])
{
  const uint64_t writer = state->disks[disk].writers[sector];

  if (writer == ZEROES)
    memset (words, 0, ORACLE_SECTOR);
  else
    oracle_fill_sector (words, state->schedule.seed, writer, disk, sector);
}

/* The image's bytes, for as long as the process lives. */
static void
map_image (struct disk *disk, const char *path, uint64_t sectors, bool create)
{
  const uint64_t size = sectors * ORACLE_SECTOR;
  const int fd =
      open (path, create ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY, 0644);
  struct stat sb;
  void *bytes;

  if (fd < 0 || (create && ftruncate (fd, (off_t) size) < 0) ||
      fstat (fd, &sb) < 0)
    err (EXIT_FAILURE, "%s", path);
  if ((uint64_t) sb.st_size != size)
    errx (EXIT_FAILURE, "%s: has %jd bytes instead of %" PRIu64, path,
          (intmax_t) sb.st_size, size);
  bytes = mmap (NULL, size, create ? PROT_READ | PROT_WRITE : PROT_READ,
                MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED)
    err (EXIT_FAILURE, "%s", path);
  close (fd);
  *disk = (struct disk){ .image = bytes, .sectors = sectors };
}

static const char *
image_sector (const struct state *state, unsigned disk, uint64_t sector)
{
  return state->disks[disk].image + sector * ORACLE_SECTOR;
}

static bool
is_zero (const void *bytes)
{
  static const uint64_t zeroes[ORACLE_WORDS];

  return memcmp (bytes, zeroes, ORACLE_SECTOR) == 0;
}

/* The highest number of a write that the images hold.  A sector that no write
 * can have left ends the search at once. */
static bool
highest_number (const struct state *state, uint64_t *highest)
{
  uint64_t words[ORACLE_WORDS];

  *highest = 0;
  for (unsigned disk = 0; disk < state->schedule.disks; disk++)
    for (uint64_t i = 0; i < state->disks[disk].sectors; i++) {
      const char *bytes = image_sector (state, disk, i);
      uint64_t number;

      if (is_zero (bytes))
        continue;
      memcpy (&number, bytes, sizeof number);
      oracle_fill_sector (words, state->schedule.seed, number, disk, i);
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
describe (const char *what, const void *bytes)
{
  uint64_t number;

  memcpy (&number, bytes, sizeof number);
  if (is_zero (bytes))
    printf ("%s zeroes", what);
  else
    printf ("%s write %" PRIu64, what, number);
}

static bool
sector_matches (const struct state *state, unsigned disk, uint64_t sector)
{
  const char *bytes = image_sector (state, disk, sector);
  uint64_t words[ORACLE_WORDS];

  if (state->disks[disk].discarded[sector] && is_zero (bytes))
    return true;
  expected_sector (state, disk, sector, words);
  return memcmp (bytes, words, ORACLE_SECTOR) == 0;
}

static uint64_t
differences (const struct state *state, unsigned disk, uint64_t sector,
             uint64_t nr_sectors)
{
  uint64_t count = 0;

  for (uint64_t i = sector; i < sector + nr_sectors; i++)
    if (!sector_matches (state, disk, i))
      count++;
  return count;
}

/* There is one. */
static void
tell_first_difference (const struct state *state)
{
  uint64_t expected[ORACLE_WORDS], i = 0;
  unsigned disk = 0;

  while (sector_matches (state, disk, i))
    if (++i == state->disks[disk].sectors) {
      i = 0;
      disk++;
    }
  expected_sector (state, disk, i, expected);
  printf ("disk %u, offset %" PRIu64 ": ", disk, i * ORACLE_SECTOR);
  describe ("holds", image_sector (state, disk, i));
  printf ("; after write %" PRIu64, state->number);
  describe (" it holds", expected);
  printf ("\n");
}

static void
refuse (struct state *state, uint64_t number, uint64_t wrong)
{
  state_at (state, number);
  tell_first_difference (state);
  printf ("no state: %" PRIu64 " sectors differ from that of write %" PRIu64
          "\n",
          wrong, number);
}

/* One write on; it changes the differences only where it writes. */
static void
advance_and_count (struct state *state, uint64_t *wrong)
{
  const struct oracle_write w =
      oracle_write_at (&state->schedule, state->number + 1);

  *wrong -= differences (state, w.disk, w.sector, w.nr_sectors);
  state_advance (state);
  *wrong += differences (state, w.disk, w.sector, w.nr_sectors);
}

/* The state is that of the highest number seen, or a few writes past it. */
static int
check (struct state *state)
{
  uint64_t highest, first, wrong = 0, wrong_at_highest;

  if (!highest_number (state, &highest))
    return EXIT_FAILURE;
  state_at (state, highest);
  for (unsigned disk = 0; disk < state->schedule.disks; disk++)
    wrong += differences (state, disk, 0, state->disks[disk].sectors);
  wrong_at_highest = wrong;
  while (wrong > 0 && state->number < highest + MAX_UNSEEN)
    advance_and_count (state, &wrong);
  if (wrong > 0) {
    refuse (state, highest, wrong_at_highest);
    return EXIT_FAILURE;
  }
  first = state->number;
  while (wrong == 0 && state->number < first + MAX_UNSEEN)
    advance_and_count (state, &wrong);
  printf ("%" PRIu64 " %" PRIu64 "\n", first, state->number - (wrong > 0));
  return EXIT_SUCCESS;
}

static void
create (struct state *state, uint64_t number)
{
  uint64_t words[ORACLE_WORDS];

  state_at (state, number);
  for (unsigned disk = 0; disk < state->schedule.disks; disk++)
    for (uint64_t i = 0; i < state->disks[disk].sectors; i++) {
      if (state->disks[disk].writers[i] == ZEROES)
        continue; /* the file is sparse */
      expected_sector (state, disk, i, words);
      memcpy (state->disks[disk].image + i * ORACLE_SECTOR, words,
              ORACLE_SECTOR);
    }
}

static void
state_free (struct state *state)
{
  for (unsigned i = 0; i < state->schedule.disks; i++) {
    free (state->disks[i].writers);
    free (state->disks[i].discarded);
  }
}

int
main (int argc, char *argv[])
{
  int status = EXIT_SUCCESS;
  const bool creates = argc >= 5 && strcmp (argv[1], "state") == 0;
  const int first = creates ? 4 : 3;
  struct state state = { 0 };

  if (argc <= first || argc > first + ORACLE_MAX_DISKS ||
      (!creates && strcmp (argv[1], "check") != 0))
    errx (2, "usage: checker state SEED NUMBER IMAGE...\n"
             "       checker check SEED IMAGE...");
  state.schedule.seed = strtoull (argv[2], NULL, 0);
  state.schedule.disks = (unsigned) (argc - first);
  for (unsigned i = 0; i < state.schedule.disks; i++)
    map_image (&state.disks[i], argv[first + (int) i], oracle_sectors (i),
               creates);
  if (creates)
    create (&state, strtoull (argv[3], NULL, 0));
  else
    status = check (&state);
  state_free (&state);
  return status;
}
