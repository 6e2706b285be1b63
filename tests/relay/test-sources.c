/* SPDX-License-Identifier: BSD-3-Clause */
/* How many maps of exports a relay has at most, and that those it has stay of
 * use when there may be no more. */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "plugin/relay/sources.h"

#define MOST 4096 /* as SECURITY.md says */

static struct map *
map_of (struct sources *sources, unsigned number, uint64_t size,
        uint32_t minimum)
{
  const struct export_info info = { .size = size, .minimum = minimum };
  char export[16];

  snprintf (export, sizeof export, "e%u", number);
  return sources_map (sources, export, &info);
}

static void
check (const char *what, bool is_so)
{
  if (is_so)
    return;
  fprintf (stderr, "FAIL: %s\n", what);
  exit (EXIT_FAILURE);
}

int
main (void)
{
  /* Nobody connects to it before extents are asked for. */
  const struct address server = { .path = "/nonexistent" };
  struct sources *sources = sources_new (&server);
  struct map *first;
  struct map_extent extent;

  check ("no memory", sources != NULL);
  first = map_of (sources, 0, 4096, 1);
  for (unsigned i = 0; i < MOST; i++)
    check ("a map within the limit", map_of (sources, i, 4096, 1) != NULL);
  check ("one too many", map_of (sources, MOST, 4096, 1) == NULL);
  check ("another size is another map", map_of (sources, 0, 8192, 1) == NULL);
  check ("so is another block size", map_of (sources, 0, 4096, 512) == NULL);
  check ("the first one is still there",
         first != NULL && map_of (sources, 0, 4096, 1) == first);
  check ("a server that is not there",
         map_query (first, 0, 4096, &extent, 1) == -1);
  sources_free (sources);
  return EXIT_SUCCESS;
}
