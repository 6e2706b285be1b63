/* SPDX-License-Identifier: BSD-3-Clause */
/* The method for versions in between: the filter is ours and is put under each
 * device while the guest stands still for some milliseconds. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/capture/internal.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"

/* A scratch file slower than this loses the backup, not the guest: its disk
 * drivers wait for 30 s and more. */
#define COPY_LIMIT_SECONDS 10

/* While it has no device above it the filter copies nothing. */
static int
prepare (struct capture *capture, struct captured_disk *disk)
{
  if (scratch_make (capture, disk) < 0)
    return -1;
  return capture_add (capture, UNDO_NODE, disk->filter, NULL, "blockdev-add",
                      qmp_object ("driver", qmp_text ("copy-before-write"),
                                  "node-name", qmp_text (disk->filter), "file",
                                  qmp_text (disk->request->disk->top), "target",
                                  qmp_text (disk->target), "on-cbw-error",
                                  qmp_text ("break-snapshot"), "cbw-timeout",
                                  qmp_number (COPY_LIMIT_SECONDS), NULL));
}

/* 'stop' flushes all disks, which can take long; done just before, the pause
 * has little left to flush.  Only a hint: its outcome does not matter. */
static void
flush_before (struct capture *capture)
{
  for (size_t i = 0; i < capture->nr_disks; i++) {
    CLEANUP_FREE char *line = NULL;

    if (asprintf (&line, "qemu-io %s flush",
                  capture->disks[i].request->disk->top) >= 0)
      qmp_execute (capture->qmp, "human-monitor-command",
                   qmp_object ("command-line", qmp_text (line), NULL), NULL);
    else
      line = NULL;
  }
}

int
capture_guest_runs (struct qmp *qmp, bool *running)
{
  json_object *status;

  if (qmp_execute (qmp, "query-status", NULL, &status) < 0)
    return -1;
  *running = qmp_true (status, "running");
  json_object_put (status);
  return 0;
}

static int
insert (struct capture *capture, struct captured_disk *disk)
{
  return capture_add (
      capture, UNDO_DEVICE, disk->filter, disk->request->disk->qdev, "qom-set",
      qmp_object ("path", qmp_text (disk->request->disk->qdev), "property",
                  qmp_text ("drive"), "value", qmp_text (disk->filter), NULL));
}

/* The bitmaps, and the filters under the devices. */
static int
cut_stopped (struct capture *capture)
{
  return cut_transaction (capture, false) < 0
             ? -1
             : capture_each_disk (capture, insert);
}

/* The guest goes on, whatever the outcome of the cut, whose error stays. */
static int
go_on (struct capture *capture, int result)
{
  CLEANUP_FREE char *error = result < 0 ? strdup (error_message ()) : NULL;
  enum error_kind kind = error_kind ();
  int r = qmp_execute (capture->qmp, "cont", NULL, NULL);

  if (r < 0)
    log_line ("the guest could not be continued after the cut: %s",
              error_message ());
  else
    undo_keep (&capture->made, UNDO_PAUSE);
  if (result < 0)
    return fail (kind, "%s%s", error ? error : "out of memory",
                 r < 0 ? "; and the guest could not be continued" : "");
  return r;
}

/* A node that is there while the guest stands still tells whoever comes after a
 * process that died then that the guest is to go on (see recover.c). */
static int
mark_pause (struct capture *capture, const char *name)
{
  return capture_make (capture, UNDO_NODE, name, NULL, "blockdev-add",
                       qmp_object ("driver", qmp_text ("null-co"), "node-name",
                                   qmp_text (name), NULL)) < 0
             ? -1
             : undo_push (&capture->made, UNDO_PAUSE, name, NULL);
}

static int
cut (struct capture *capture)
{
  char mark[NAME_SIZE + sizeof "-pause"];
  bool running;
  uint64_t start;
  int r;

  snprintf (mark, sizeof mark, "%s-pause", capture->disks[0].job);

  if (capture_guest_runs (capture->qmp, &running) < 0)
    return -1;
  if (running && mark_pause (capture, mark) < 0)
    return -1;
  if (running)
    flush_before (capture);
  start = cut_clock ();
  if (running) {
    r = qmp_execute (capture->qmp, "stop", NULL, NULL);
    /* Without an answer it may still stop, and must not stay so. */
    if (r < 0)
      return r == QMP_NO_ANSWER ? go_on (capture, r) : r;
  }
  cut_time_start (&capture->report.cut);
  r = cut_stopped (capture);
  cut_time_stop (&capture->report.cut);
  if (running)
    r = go_on (capture, r);
  if (running)
    capture->report.pause_microseconds = cut_clock () - start;
  if (running && r == 0)
    r = qmp_execute (capture->qmp, "blockdev-del",
                     qmp_object ("node-name", qmp_text (mark), NULL), NULL);
  return r;
}

const struct capture_method_steps capture_filter = {
  .promise = "this version of QEMU takes a point in time only while the guest "
             "stands still, for some milliseconds",
  .pauses = true,
  .discards = true,
  .prepare = prepare,
  .cut = cut,
  .expose = access_make,
};
