/* SPDX-License-Identifier: BSD-3-Clause */
/* The transaction that cuts all disks at one instant. */

#include <config.h>

#include <time.h>

#include "controller/capture/internal.h"
#include "controller/qmp/json.h"

static uint64_t
microseconds_of (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return (uint64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

uint64_t
cut_clock (void)
{
  return microseconds_of (CLOCK_MONOTONIC);
}

void
cut_time_start (struct cut_time *cut)
{
  cut->since_epoch = microseconds_of (CLOCK_REALTIME);
  cut->microseconds = cut_clock ();
}

void
cut_time_stop (struct cut_time *cut)
{
  cut->microseconds = cut_clock () - cut->microseconds;
}

static json_object *
action (const char *type, json_object *data)
{
  return qmp_object ("type", qmp_text (type), "data", data, NULL);
}

void
cut_new_bitmap (struct cut *cut, const struct disk *disk, const char *name)
{
  if (!name)
    return;
  if (undo_push (cut->made, UNDO_BITMAP, name, disk->node) < 0)
    cut->failed = true;
  cut->actions = qmp_append (
      cut->actions, action ("block-dirty-bitmap-add",
                            qmp_object ("node", qmp_text (disk->node), "name",
                                        qmp_text (name), "persistent",
                                        qmp_flag (disk->persistent), NULL)));
}

void
cut_backup_job (struct cut *cut, const char *job, json_object *arguments)
{
  if (undo_push (cut->made, UNDO_JOB, job, NULL) < 0)
    cut->failed = true;
  cut->actions =
      qmp_append (cut->actions, action ("blockdev-backup", arguments));
}

int
cut_execute (struct cut *cut, struct qmp *qmp)
{
  int r;

  if (cut->failed) {
    json_object_put (cut->actions);
    r = -1;
  }
  else
    r = cut->actions
            ? qmp_execute (qmp, "transaction",
                           qmp_object ("actions", cut->actions, NULL), NULL)
            : 0;
  /* All or nothing; without an answer it may be all. */
  if (r == -1)
    undo_truncate (cut->made, cut->made_before);
  return r;
}

int
cut_add (struct cut *cut, struct undo_batch *batch)
{
  if (cut->failed) {
    json_object_put (cut->actions);
    return -1;
  }
  return cut->actions
             ? undo_batch_add (batch, cut->made->nr_entries - cut->made_before,
                               NULL, "transaction",
                               qmp_object ("actions", cut->actions, NULL))
             : 0;
}

/* It copies nothing by itself (sync=none), only before the guest writes. */
static json_object *
keep_old_data (const struct captured_disk *disk, bool break_snapshot)
{
  return qmp_object ("job-id", qmp_text (disk->job), "device",
                     qmp_text (disk->request->disk->node), "target",
                     qmp_text (disk->target), "sync", qmp_text ("none"),
                     "filter-node-name", qmp_text (disk->filter),
                     "on-cbw-error",
                     qmp_text (break_snapshot ? "break-snapshot" : NULL), NULL);
}

void
cut_new_bitmaps (struct cut *cut, const struct capture *capture)
{
  for (size_t i = 0; i < capture->nr_disks; i++) {
    const struct captured_disk *disk = &capture->disks[i];

    cut_new_bitmap (cut, disk->request->disk, disk->request->new_bitmap);
  }
}

int
cut_by_transaction (struct capture *capture)
{
  struct cut cut = CUT (&capture->made);
  int r;

  cut_new_bitmaps (&cut, capture);
  for (size_t i = 0; i < capture->nr_disks; i++) {
    const struct captured_disk *disk = &capture->disks[i];

    cut_backup_job (&cut, disk->job,
                    keep_old_data (disk, capture->steps->break_snapshot));
  }
  cut_time_start (&capture->report.cut);
  r = cut_execute (&cut, capture->qmp);
  cut_time_stop (&capture->report.cut);
  return r;
}

int
cut_rest_job (struct capture *capture, struct captured_disk *disk)
{
  return capture->steps->by_job
             ? capture_add_plain (capture, "job-pause",
                                  qmp_object ("id", qmp_text (disk->job), NULL))
             : 0;
}
