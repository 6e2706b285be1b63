/* SPDX-License-Identifier: BSD-3-Clause */
/* The capture from begin to end: checks, the steps of the method in their
 * order, and on any failure the way back. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/capture/internal.h"
#include "controller/common/error.h"

int
capture_make (struct capture *capture, enum undo_kind kind, const char *object,
              const char *owner, const char *command, json_object *arguments)
{
  const struct undo_entry entry = { kind, (char *) object, (char *) owner };

  return undo_make (capture->qmp, &capture->made, &entry, command, arguments);
}

int
capture_add (struct capture *capture, enum undo_kind kind, const char *object,
             const char *owner, const char *command, json_object *arguments)
{
  if (undo_push (&capture->batch.notes, kind, object, owner) < 0) {
    json_object_put (arguments);
    return -1;
  }
  return undo_batch_add (&capture->batch, 1, capture->subject, command,
                         arguments);
}

int
capture_add_plain (struct capture *capture, const char *command,
                   json_object *arguments)
{
  return undo_batch_add (&capture->batch, 0, capture->subject, command,
                         arguments);
}

/* What can be known to fail is refused before QEMU is touched. */
static int
check_disk (const struct capture_disk *disk)
{
  if (disk->disk->reason)
    return fail (ERROR_UNSUPPORTED, "disk '%s' cannot be backed up: %s",
                 disk->disk->name, disk->disk->reason);
  for (size_t i = 0; i < disk->nr_change_maps; i++) {
    const struct capture_change_map *map = &disk->change_maps[i];
    const char *why = disk_bitmap_unusable (disk->disk, map->bitmap);

    if (why)
      return fail (ERROR_CONFLICT,
                   "disk '%s': the changes since checkpoint '%s' are not "
                   "known: %s; back it up in full",
                   disk->disk->name, map->checkpoint, why);
  }
  return 0;
}

static int
check_request (const struct capture_request *request)
{
  if (request->nr_disks == 0)
    return fail (ERROR_INVALID, "there is no disk to back up");
  if (request->nr_disks > MAX_DISKS)
    return fail (ERROR_INVALID, "more than %d disks", MAX_DISKS);
  for (size_t i = 0; i < request->nr_disks; i++) {
    if (check_disk (&request->disks[i]) < 0)
      return -1;
    for (size_t j = 0; j < i; j++)
      if (request->disks[i].disk == request->disks[j].disk)
        return fail (ERROR_INVALID, "disk '%s' is asked for twice",
                     request->disks[i].disk->name);
  }
  return 0;
}

/* The job's name as a part of node names, which are short and of few
 * characters; any other name is represented by its FNV-1a hash. */
void
capture_short_name (const char *job, char text[17])
{
  static const char good[] = "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  uint32_t hash = 2166136261u;

  if (strspn (job, good) == strlen (job) && strlen (job) <= 16 &&
      strspn (job, good) > 0 && strspn (job, "0123456789-_") == 0) {
    strcpy (text, job);
    return;
  }
  for (; *job; job++)
    hash = (hash ^ (unsigned char) *job) * 16777619u;
  snprintf (text, 17, "pullback%08x", hash);
}

/* Each is in several commands, and QEMU reads slowly: those that are no part of
 * a record are as short as can be. */
static int
name_disk (struct captured_disk *disk, const char *job, unsigned index)
{
  snprintf (disk->job, NAME_SIZE, "%.16s-%u", job, index % MAX_DISKS);
  snprintf (disk->file, NAME_SIZE, "%.16s-%u-file", job, index % MAX_DISKS);
  snprintf (disk->overlay, NAME_SIZE, "%.16s-%u-overlay", job,
            index % MAX_DISKS);
  snprintf (disk->filter, NAME_SIZE, "%.16s-%u-f", job, index % MAX_DISKS);
  snprintf (disk->access, NAME_SIZE, "%.16s-%u-a", job, index % MAX_DISKS);
  snprintf (disk->changes, NAME_SIZE, "%.16s-%u-changes", job,
            index % MAX_DISKS);
  disk->name = strdup (disk->request->disk->name);
  return disk->name ? 0 : fail (ERROR_SYSTEM, "out of memory");
}

struct capture *
capture_new (struct qmp *qmp, const struct capture_request *request)
{
  struct capture *capture = calloc (1, sizeof *capture);
  char job[17];

  if (capture)
    capture->disks = calloc (request->nr_disks, sizeof *capture->disks);
  if (!capture || !capture->disks) {
    free (capture);
    fail (ERROR_SYSTEM, "out of memory");
    return NULL;
  }
  capture->qmp = qmp;
  capture->nbd_socket = request->nbd_socket;
  capture->nr_disks = request->nr_disks;
  capture_short_name (request->job, job);
  for (size_t i = 0; i < request->nr_disks; i++) {
    capture->disks[i].request = &request->disks[i];
    if (name_disk (&capture->disks[i], job, (unsigned) i) < 0) {
      capture_free (capture);
      return NULL;
    }
  }
  return capture;
}

void
capture_set_method (struct capture *capture, enum capture_method method)
{
  static const struct capture_method_steps *const steps[] = {
    [CAPTURE_TRANSACTION] = &capture_transaction,
    [CAPTURE_FILTER] = &capture_filter,
    [CAPTURE_OVERLAY] = &capture_overlay,
  };

  capture->report.method = method;
  capture->steps = steps[method];
  capture->report.promise = capture->steps->promise;
}

/* blockdev-backup's discard-source is the first user of discards from a point
 * in time in QEMU itself, and came with their last corrections, in 9.1. */
static int
can_discard (struct capture *capture)
{
  return capture->steps->discards
             ? qmp_can (capture->qmp, "blockdev-backup", NULL, "discard-source")
             : 0;
}

static int
check_discards (struct capture *capture)
{
  for (size_t i = 0; i < capture->nr_disks; i++) {
    const bool limit = capture->disks[i].request->changes_only;
    int can = limit || capture->reclaim ? can_discard (capture) : 1;

    if (can < 0)
      return -1;
    if (can)
      continue;
    return fail (
        ERROR_UNSUPPORTED,
        "disk '%s': QEMU %s with the method '%s' cannot %s: that needs QEMU "
        "10.1, or 9.1 where no disk of the backup is in an iothread",
        capture->disks[i].name, qmp_version_text (capture->qmp),
        capture_method_name (capture->report.method),
        limit ? "keep only what changed" : "reclaim what was read");
  }
  return 0;
}

static int
choose_method (struct capture *capture, enum capture_method wanted)
{
  enum capture_method method;
  bool iothread = false;

  for (size_t i = 0; i < capture->nr_disks; i++)
    iothread |= capture->disks[i].request->disk->iothread;
  method = capture_choose (capture->qmp, wanted, iothread);
  if (method == CAPTURE_AUTO)
    return -1;
  capture_set_method (capture, method);
  return check_discards (capture);
}

int
capture_each_disk (struct capture *capture,
                   int (*step) (struct capture *, struct captured_disk *))
{
  int r = 0;

  for (size_t i = 0; r == 0 && i < capture->nr_disks; i++) {
    capture->subject = capture->disks[i].name;
    r = step (capture, &capture->disks[i]);
    if (r < 0)
      fail_prefix ("disk '%s'", capture->subject);
  }
  capture->subject = NULL;
  return r;
}

int
capture_send (struct capture *capture)
{
  return undo_batch_make (capture->qmp, &capture->made, &capture->batch);
}

/* What was not sent was not made. */
static void
roll_back (struct capture *capture)
{
  undo_batch_clear (&capture->batch);
  undo_roll_back (capture->qmp, &capture->made);
}

/* The guest may have been continued since a capture was prepared. */
static int
check_pause (const struct capture *capture)
{
  bool running;

  if (!capture->no_pause || !capture->steps->pauses)
    return 0;
  if (capture_guest_runs (capture->qmp, &running) < 0)
    return -1;
  if (!running)
    return 0;
  return fail (
      ERROR_UNSUPPORTED,
      "the method '%s', which suits QEMU %s, pauses the guest for the point in "
      "time, and no pause is allowed: allow it, or choose the method "
      "'overlay', "
      "which needs none, but fails the guest's writes where the scratch file "
      "cannot take the old data",
      capture_method_name (capture->report.method),
      qmp_version_text (capture->qmp));
}

static int
prepare (struct capture *capture, const struct capture_request *request)
{
  capture->no_pause = request->no_pause;
  capture->reclaim = request->reclaim;
  if (choose_method (capture, request->method) < 0 ||
      check_pause (capture) < 0 ||
      exports_start_server (capture, request->nbd_socket) < 0)
    return -1;
  return capture_each_disk (capture, capture->steps->prepare) < 0 ||
                 capture_each_disk (capture, scratch_set_threshold) < 0
             ? -1
             : capture_send (capture);
}

void
capture_forget_request (struct capture *capture)
{
  for (size_t i = 0; i < capture->nr_disks; i++)
    capture->disks[i].request = NULL;
  capture->nbd_socket = NULL;
}

struct capture *
capture_prepare (struct qmp *qmp, const struct capture_request *request)
{
  struct capture *capture;

  if (check_request (request) < 0)
    return NULL;
  capture = capture_new (qmp, request);
  if (!capture)
    return NULL;
  if (prepare (capture, request) < 0) {
    roll_back (capture);
    capture_free (capture);
    return NULL;
  }
  return capture;
}

int
capture_cut (struct capture *capture)
{
  if (check_pause (capture) == 0 && capture->steps->cut (capture) == 0)
    return 0;
  fail_prefix ("the point in time");
  roll_back (capture);
  return -1;
}

/* Together with the cut's the order is the guarantee: bitmaps record no later
 * than the cut, change maps are frozen no earlier. */
int
capture_expose (struct capture *capture)
{
  if (capture_each_disk (capture, cut_rest_job) < 0 ||
      capture_each_disk (capture, capture->steps->expose) < 0 ||
      exports_freeze_maps (capture) < 0 || limit_to_changes (capture) < 0 ||
      capture_each_disk (capture, exports_note_clients) < 0 ||
      capture_each_disk (capture, exports_add) < 0 ||
      capture_send (capture) < 0 || guard_start (capture) < 0) {
    roll_back (capture);
    return -1;
  }
  capture_forget_request (capture);
  return 0;
}

const struct capture_report *
capture_report (const struct capture *capture)
{
  return &capture->report;
}

uint64_t
capture_scratch_threshold (const struct capture *capture, size_t disk)
{
  return capture->disks[disk].threshold;
}

void
capture_give_up (struct capture *capture)
{
  guard_alarm (capture);
}

int
capture_stop_exports (struct capture *capture)
{
  capture->ending = true;
  guard_stop (capture);
  /* The server goes last, when nobody is connected any more: QEMU 7.2 waits for
   * ever in nbd-server-stop for a client that only negotiates. */
  return undo_run (capture->qmp, &capture->made, UNDO_EXPORT);
}

int
capture_end (struct capture *capture, bool keep_bitmaps)
{
  capture->ending = true;
  guard_stop (capture);
  if (keep_bitmaps)
    undo_keep (&capture->made, UNDO_BITMAP);
  /* While there are jobs QEMU pauses each of them for the removal of any node.
   * Without one its access node shows the live disk, but to nobody. */
  if (undo_run (capture->qmp, &capture->made, UNDO_EXPORT | UNDO_CLIENTS) == 0)
    undo_run (capture->qmp, &capture->made, UNDO_JOB);
  return undo_run (capture->qmp, &capture->made, UNDO_ALL);
}

void
capture_free (struct capture *capture)
{
  if (!capture)
    return;
  guard_stop (capture);
  undo_batch_clear (&capture->batch);
  undo_free (&capture->made);
  for (size_t i = 0; i < capture->nr_disks; i++)
    free (capture->disks[i].name);
  free (capture->disks);
  free (capture);
}
