/* SPDX-License-Identifier: BSD-3-Clause */
/* A target without libFuzzer: runs each of its inputs once, which needs no
 * clang.    replay-TARGET FILE... */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "tests/fuzz/fuzz.h"

static void
replay (const char *path)
{
  CLEANUP_FCLOSE FILE *file = fopen (path, "r");
  CLEANUP_FREE uint8_t *data = NULL;
  struct stat sb;

  if (file == NULL || fstat (fileno (file), &sb) == -1)
    err (EXIT_FAILURE, "%s", path);
  data = malloc (sb.st_size + 1);
  if (data == NULL || fread (data, 1, sb.st_size, file) != (size_t) sb.st_size)
    err (EXIT_FAILURE, "%s", path);
  printf ("%s\n", path);
  LLVMFuzzerTestOneInput (data, sb.st_size);
}

int
main (int argc, char *argv[])
{
  setvbuf (stdout, NULL, _IOLBF, 0);
  if (argc < 2)
    errx (2, "usage: %s FILE...", argv[0]);
  LLVMFuzzerInitialize (&argc, &argv);
  for (int i = 1; i < argc; i++)
    replay (argv[i]);
  return EXIT_SUCCESS;
}
