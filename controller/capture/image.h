/* SPDX-License-Identifier: BSD-3-Clause */
/* Image files that are made for QEMU: scratch files, and targets of a push. */

#ifndef PULLBACK_CAPTURE_IMAGE_H
#define PULLBACK_CAPTURE_IMAGE_H

#include <stdint.h>

#include "controller/qmp/qmp.h"

struct image {
  const char *what; /* "scratch file", for messages */
  const char *path;
  const char *owner; /* image of the disk that it is for; NULL: not known */
  uint64_t size;     /* bytes; all of them a hole */
};

/* A new file; one that exists is an error.  -1: reported, nothing is left. */
int image_create (const struct image *file);

/* Formats the node of a file or device by the job 'job', which is gone
 * afterwards; 'size' is that of the disk in it. */
int image_format_qcow2 (struct qmp *qmp, const char *job, const char *node,
                        uint64_t size);

#endif /* PULLBACK_CAPTURE_IMAGE_H */
