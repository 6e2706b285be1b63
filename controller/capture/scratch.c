/* SPDX-License-Identifier: BSD-3-Clause */
/* The scratch file of a disk, where QEMU copies old data before the guest
 * overwrites it, and the nodes on it. */

#include <config.h>

#include <unistd.h>

#include "controller/capture/image.h"
#include "controller/capture/internal.h"
#include "controller/qmp/json.h"

/* What is in a scratch file need not outlive QEMU: it is never flushed. */
static json_object *
never_flushed (void)
{
  return qmp_object ("no-flush", qmp_flag (true), NULL);
}

/* Not yet with its node. */
static int
make_file (struct capture *capture, const struct captured_disk *disk,
           bool qcow2)
{
  const struct image image = { .what = "scratch file",
                               .path = disk->request->scratch,
                               .owner = disk->request->disk->file,
                               .size = disk->request->disk->size,
                               .qcow2 = qcow2 };

  if (image_create (&image) < 0)
    return -1;
  if (undo_push (&capture->made, UNDO_FILE, disk->request->scratch, NULL) == 0)
    return 0;
  unlink (disk->request->scratch);
  return -1;
}

/* Only what can be discarded from a point in time needs "unmap". */
json_object *
scratch_discard (const struct capture *capture,
                 const struct captured_disk *disk)
{
  return capture->reclaim || disk->request->changes_only ? qmp_text ("unmap")
                                                         : NULL;
}

static json_object *
file_node (const struct capture *capture, const struct captured_disk *disk)
{
  return qmp_object (
      "driver", qmp_text ("file"), "node-name", qmp_text (disk->file),
      "filename", qmp_text (disk->request->scratch), "cache", never_flushed (),
      "discard", scratch_discard (capture, disk), NULL);
}

json_object *
scratch_make_file (struct capture *capture, const struct captured_disk *disk)
{
  return make_file (capture, disk, false) < 0 ? NULL
                                              : file_node (capture, disk);
}

int
scratch_make (struct capture *capture, struct captured_disk *disk)
{
  json_object *file = scratch_make_file (capture, disk);

  disk->target = disk->file;
  return file ? capture_add (capture, UNDO_NODE, disk->file, NULL,
                             "blockdev-add", file)
              : -1;
}

/* The node of the file comes and goes with that of the image in it. */
int
scratch_make_overlay (struct capture *capture, struct captured_disk *disk)
{
  if (make_file (capture, disk, true) < 0 || scratch_reserve (disk) < 0)
    return -1;
  disk->target = disk->overlay;
  return capture_add (capture, UNDO_NODE, disk->overlay, NULL, "blockdev-add",
                      qmp_object ("driver", qmp_text ("qcow2"), "node-name",
                                  qmp_text (disk->overlay), "file",
                                  file_node (capture, disk), "backing",
                                  qmp_text (disk->request->disk->node), "cache",
                                  never_flushed (), NULL));
}
