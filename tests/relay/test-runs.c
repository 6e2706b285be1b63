/* SPDX-License-Identifier: BSD-3-Clause */
/* The set of what clients have received, against an array with a flag for each
 * byte: nothing is in it that was not added, and nothing is lost unless the
 * budget is used up, which it says. */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/relay/runs.h"

#define SIZE 20000

static void
check (const char *what, bool is_so)
{
  if (is_so)
    return;
  fprintf (stderr, "FAIL: %s\n", what);
  exit (EXIT_FAILURE);
}

static void
check_same (struct runs *runs, const bool *truth)
{
  uint64_t total = 0, covered;
  size_t cursor = 0, again;

  runs_settle (runs);
  for (size_t i = 0; i < SIZE; i++) {
    total += truth[i];
    check ("each byte", runs_covered (runs, &cursor, i, i + 1) == truth[i]);
  }
  check ("the total", runs_total (runs) == total);
  again = 0;
  covered = runs_covered (runs, &again, 0, SIZE);
  check ("all at once", covered == total);
  again = 0;
  covered = runs_covered (runs, &again, 10, SIZE / 2) +
            runs_covered (runs, &again, SIZE / 2, SIZE);
  for (size_t i = 0; i < 10; i++)
    covered += truth[i];
  check ("in parts", covered == total);
  for (size_t i = 1; i < runs->count; i++)
    check ("runs neither touch nor overlap",
           runs->items[i - 1].end < runs->items[i].start);
}

static void
add (struct runs *runs, bool *truth, uint64_t offset, uint64_t length)
{
  runs_add (runs, offset, length);
  memset (truth + offset, true, length);
}

/* In any order, overlapping; looked at now and then. */
static void
check_random (unsigned longest)
{
  static bool truth[SIZE];
  atomic_size_t budget = 100000;
  struct runs runs;

  memset (truth, false, sizeof truth);
  runs_init (&runs, &budget);
  for (int i = 0; i < 6000; i++) {
    const uint64_t length = 1 + random () % longest;

    add (&runs, truth, random () % (SIZE - length + 1), length);
    if (i % 1500 == 0)
      check_same (&runs, truth);
  }
  check_same (&runs, truth);
  check ("nothing was forgotten", !runs.forgot);
  runs_clear (&runs);
  check ("what was taken is given back", budget == 100000);
}

/* One after another, up and down, becomes one run. */
static void
check_joined (void)
{
  atomic_size_t budget = 16;
  struct runs up, down, both;

  runs_init (&up, &budget);
  for (uint64_t i = 0; i < 100000; i++)
    runs_add (&up, i * 10, 10);
  check ("ascending", runs_total (&up) == 1000000 && up.count == 1);
  runs_clear (&up);

  runs_init (&down, &budget);
  for (uint64_t i = 100; i > 0; i--) {
    runs_add (&down, i * 10, 10);
    runs_settle (&down);
  }
  check ("descending", runs_total (&down) == 1000 && down.count == 1);
  runs_clear (&down);

  budget = 100;
  runs_init (&up, &budget);
  runs_init (&down, &budget);
  runs_init (&both, &budget);
  runs_add (&up, 0, 10);
  runs_add (&down, 5, 10);
  runs_add (&down, 30, 10);
  runs_add_all (&both, &up);
  runs_add_all (&both, &down);
  check ("two sets", runs_total (&both) == 25 && both.count == 2);
  runs_clear (&up);
  runs_clear (&down);
  runs_clear (&both);
}

/* Within its budget it goes on, and never has what was not added. */
static void
check_budget (void)
{
  static bool truth[SIZE];
  atomic_size_t budget = 2000;
  struct runs runs;
  size_t cursor = 0;

  runs_init (&runs, &budget);
  for (size_t i = 0; i < SIZE; i += 4)
    add (&runs, truth, i, 2);
  runs_settle (&runs);
  check ("it says so", runs.forgot);
  check ("it keeps to the budget", runs.allocated <= 2000);
  for (size_t i = 0; i < SIZE; i++)
    check ("a byte too many",
           runs_covered (&runs, &cursor, i, i + 1) <= truth[i]);
  /* Who reads all of it once more needs no more room. */
  for (size_t i = 0; i < SIZE; i += 500) {
    add (&runs, truth, i, 500);
    runs_settle (&runs);
  }
  check_same (&runs, truth);
  check ("one run", runs.count == 1);
  runs_clear (&runs);
  check ("what was taken is given back", budget == 2000);
}

static void
check_no_budget (void)
{
  static bool truth[SIZE];
  atomic_size_t budget = 0;
  struct runs runs;

  runs_init (&runs, &budget);
  add (&runs, truth, 0, 10);
  runs_settle (&runs);
  check ("it says so", runs.forgot);
  check ("there is none", runs.count == 0 && runs_total (&runs) == 0);
  runs_clear (&runs);
}

int
main (void)
{
  check_joined ();
  check_random (3);
  check_random (300);
  check_budget ();
  check_no_budget ();
  return EXIT_SUCCESS;
}
