/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes an empty qcow2 image:  make-image PATH BYTES */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "controller/capture/image.h"
#include "controller/common/error.h"

int
main (int argc, char *argv[])
{
  struct image image = { .what = "image", .qcow2 = true };

  if (argc != 3)
    return 2;
  image.path = argv[1];
  image.size = strtoull (argv[2], NULL, 10);
  if (image_create (&image) == 0)
    return 0;
  fprintf (stderr, "%s\n", error_message ());
  return 1;
}
