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

/* While it has no device above it the filter copies nothing.  The node of the
 * file comes and goes with it. */
static int
prepare (struct capture *capture, struct captured_disk *disk)
{
  json_object *file = scratch_make_file (capture, disk);

  return file ? capture_add (
                    capture, UNDO_NODE, disk->filter, NULL, "blockdev-add",
                    qmp_object ("driver", qmp_text ("copy-before-write"),
                                "node-name", qmp_text (disk->filter), "file",
                                qmp_text (disk->request->disk->top), "target",
                                file, "on-cbw-error",
                                qmp_text ("break-snapshot"), "cbw-timeout",
                                qmp_number (COPY_LIMIT_SECONDS), NULL))
              : -1;
}

/* 'stop' flushes all disks, which can take long; done just before, the pause
 * has little left to flush.  QEMU answers with success whatever the outcome. */
static int
flush_before (struct capture *capture, struct captured_disk *disk)
{
  CLEANUP_FREE char *line = NULL;

  if (asprintf (&line, "qemu-io %s flush", disk->request->disk->top) < 0) {
    line = NULL;
    return fail (ERROR_SYSTEM, "out of memory");
  }
  return capture_add_plain (capture, "human-monitor-command",
                            qmp_object ("command-line", qmp_text (line), NULL));
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

/* The bitmaps record from a little before the cut on, so that QEMU need not
 * read of them while the guest stands still. */
static int
add_bitmaps (struct capture *capture)
{
  struct cut cut = CUT (&capture->batch.notes);

  cut_new_bitmaps (&cut, capture);
  return cut_add (&cut, &capture->batch);
}

/* The guest goes on, whatever the outcome of the cut, whose error stays. */
static int
go_on (struct capture *capture, int result)
{
  CLEANUP_FREE char *error = strdup (error_message ());
  enum error_kind kind = error_kind ();
  int r = qmp_execute (capture->qmp, "cont", NULL, NULL);

  if (r < 0)
    log_line ("the guest could not be continued after the cut: %s",
              error_message ());
  else
    undo_keep (&capture->made, UNDO_PAUSE);
  fail (kind, "%s%s", error ? error : "out of memory",
        r < 0 ? "; and the guest could not be continued" : "");
  return result;
}

/* A node that is there while the guest stands still tells whoever comes after a
 * process that died then that the guest is to go on (see recover.c). */
static int
mark_pause (struct capture *capture, const char *name)
{
  return capture_make (capture, UNDO_NODE, name, NULL, "blockdev-add",
                       qmp_object ("driver", qmp_text ("null-co"), "node-name",
                                   qmp_text (name), NULL));
}

/* By QEMU's own clock: what was sent with 'stop' was to be done before. */
static void
report_pause (struct capture *capture, unsigned long since)
{
  const uint64_t stop = qmp_event_time (capture->qmp, since, "STOP");
  const uint64_t resume = qmp_event_time (capture->qmp, since, "RESUME");
  struct capture_report *report = &capture->report;

  if (stop == 0 || resume <= stop)
    return;
  report->cut.since_epoch = stop;
  report->cut.microseconds = resume - stop;
  report->pause_microseconds = resume - stop;
}

/* All that the cut of a running guest takes is sent at once: QEMU reads some of
 * what is for the pause while it does what comes before. */
static int
cut_running (struct capture *capture)
{
  const unsigned long since = qmp_event_mark (capture->qmp);
  char mark[NAME_SIZE + sizeof "-pause"];
  int r;

  snprintf (mark, sizeof mark, "%s-pause", capture->disks[0].job);
  if (mark_pause (capture, mark) < 0 ||
      capture_each_disk (capture, flush_before) < 0 ||
      add_bitmaps (capture) < 0 ||
      capture_add (capture, UNDO_PAUSE, mark, NULL, "stop", NULL) < 0 ||
      capture_each_disk (capture, insert) < 0 ||
      capture_add_plain (capture, "cont", NULL) < 0)
    return -1;
  cut_time_start (&capture->report.cut);
  r = capture_send (capture);
  cut_time_stop (&capture->report.cut);
  capture->report.pause_microseconds = capture->report.cut.microseconds;
  report_pause (capture, since);
  if (r < 0)
    return go_on (capture, r);
  undo_keep (&capture->made, UNDO_PAUSE);
  return undo_single (capture->qmp, &capture->made, UNDO_NODE, mark);
}

static int
cut_stopped (struct capture *capture)
{
  int r;

  if (add_bitmaps (capture) < 0 || capture_each_disk (capture, insert) < 0)
    return -1;
  cut_time_start (&capture->report.cut);
  r = capture_send (capture);
  cut_time_stop (&capture->report.cut);
  return r;
}

static int
cut (struct capture *capture)
{
  bool running;

  if (capture_guest_runs (capture->qmp, &running) < 0)
    return -1;
  return running ? cut_running (capture) : cut_stopped (capture);
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
