/* SPDX-License-Identifier: BSD-3-Clause */
/* Image files that are made for QEMU: scratch files, and targets of a push. */

#ifndef PULLBACK_CAPTURE_IMAGE_H
#define PULLBACK_CAPTURE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/qmp/qmp.h"

struct image {
  const char *what; /* "scratch file", for messages */
  const char *path;
  const char *owner; /* image of the disk that it is for; NULL: not known */
  uint64_t size;     /* bytes; all of them a hole */
  bool qcow2;        /* an empty image of a disk of that size */
};

/* A new file; one that exists is an error.  -1: reported, nothing is left. */
int image_create (const struct image *file);

/* Makes the empty file an image of an empty disk.  -1: errno says why. */
int qcow2_format (int fd, uint64_t size);

/* Formats the node of a file or device by the job 'job', which is gone
 * afterwards; 'size' is that of the disk in it. */
int image_format_qcow2 (struct qmp *qmp, const char *job, const char *node,
                        uint64_t size);

#endif /* PULLBACK_CAPTURE_IMAGE_H */
