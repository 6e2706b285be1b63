/* SPDX-License-Identifier: BSD-3-Clause */
/* The transaction that cuts all disks at one instant. */

#include <config.h>

#include <time.h>

#include "controller/capture/internal.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"

uint64_t
cut_clock (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (uint64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static json_object *
action (const char *type, json_object *data)
{
  return qmp_object ("type", qmp_text (type), "data", data, NULL);
}

static json_object *
new_bitmap (const struct captured_disk *disk)
{
  return action ("block-dirty-bitmap-add",
                 qmp_object ("node", qmp_text (disk->request->disk->node),
                             "name", qmp_text (disk->request->new_bitmap),
                             "persistent",
                             qmp_flag (disk->request->disk->persistent), NULL));
}

/* It copies nothing by itself (sync=none), only before the guest writes. */
static json_object *
backup_job (const struct captured_disk *disk, bool break_snapshot)
{
  return action (
      "blockdev-backup",
      qmp_object ("job-id", qmp_text (disk->job), "device",
                  qmp_text (disk->request->disk->node), "target",
                  qmp_text (disk->target), "sync", qmp_text ("none"),
                  "filter-node-name", qmp_text (disk->filter), "on-cbw-error",
                  qmp_text (break_snapshot ? "break-snapshot" : NULL), NULL));
}

int
cut_transaction (struct capture *capture, bool jobs)
{
  json_object *actions = NULL;
  size_t made = capture->made.nr_entries;
  int r = 0;

  /* The bitmaps first: QEMU starts each action before it looks at the next, so
   * that they record at the latest from the instant on that the jobs mark. */
  for (size_t i = 0; i < capture->nr_disks; i++) {
    struct captured_disk *disk = &capture->disks[i];

    if (!disk->request->new_bitmap)
      continue;
    actions = qmp_append (actions, new_bitmap (disk));
    r |= undo_push (&capture->made, UNDO_BITMAP, disk->request->new_bitmap,
                    disk->request->disk->node);
  }
  for (size_t i = 0; jobs && i < capture->nr_disks; i++) {
    struct captured_disk *disk = &capture->disks[i];

    actions =
        qmp_append (actions, backup_job (disk, capture->steps->break_snapshot));
    r |= undo_push (&capture->made, UNDO_JOB, disk->job, NULL);
  }
  if (!actions)
    return 0;
  if (r < 0)
    json_object_put (actions);
  else
    r = qmp_execute (capture->qmp, "transaction",
                     qmp_object ("actions", actions, NULL), NULL);
  /* All or nothing; without an answer it may be all. */
  if (r == -1)
    undo_truncate (&capture->made, made);
  return r;
}

int
cut_by_transaction (struct capture *capture)
{
  uint64_t start = cut_clock ();

  capture->report.cut_time = time (NULL);
  if (cut_transaction (capture, true) < 0)
    return -1;
  capture->report.cut_microseconds = cut_clock () - start;
  return 0;
}
