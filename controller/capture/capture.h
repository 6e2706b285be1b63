/* SPDX-License-Identifier: BSD-3-Clause */
/* Freezes the disks of a QEMU at one instant and exports them over NBD from
 * QEMU, by the method that suits its version. */

#ifndef PULLBACK_CAPTURE_H
#define PULLBACK_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/disks/disks.h"
#include "controller/qmp/qmp.h"

/* docs/architecture.md has the table of versions and the reasons. */
enum capture_method {
  CAPTURE_AUTO,
  CAPTURE_TRANSACTION, /* blockdev-backup that breaks the snapshot; >= 10.1 */
  CAPTURE_FILTER,      /* copy-before-write set by qom-set; 8.0 to 10.0 */
  CAPTURE_OVERLAY,     /* blockdev-backup to an overlay of the live node */
};

/* "transaction", "filter", "overlay"; and back, -1 if unknown. */
const char *capture_method_name (enum capture_method method);
int capture_method_from_name (const char *name);

/* What AUTO means on this QEMU; 'iothread': one of the disks is in one. */
enum capture_method capture_method_for (struct qmp *qmp, bool iothread);

/* A recording bitmap whose changes so far are frozen and exported. */
struct capture_change_map {
  const char *checkpoint; /* the frozen bitmap's name: what clients see */
  const char *bitmap;     /* the recording bitmap on the disk's node */
};

struct capture_disk {
  const struct disk *disk;
  const char *export_name;
  const char *scratch; /* path of the scratch file, made here, removed here */
  uint64_t scratch_limit; /* bytes; 0: none.  A method that reserves room asks
                             for no more; others do not look at it */
  const char *new_bitmap; /* of the new checkpoint, NULL: none is made */
  const struct capture_change_map *change_maps;
  size_t nr_change_maps;
  /* Only what one of the change maps has can be read, and only that is copied
   * before the guest overwrites it. */
  bool changes_only;
};

struct capture_request {
  enum capture_method method; /* AUTO: by the table */
  bool no_pause;              /* refused where the guest would stand still */
  bool reclaim;    /* clients can discard ranges: they are no longer copied, and
                      can no longer be read */
  const char *job; /* makes node, job and export names unique */
  const char *nbd_socket; /* where QEMU's NBD server listens */
  const struct capture_disk *disks;
  size_t nr_disks;
};

struct capture;

/* When all disks were cut: at one instant of this time, as QMP saw it. */
struct cut_time {
  uint64_t since_epoch;  /* microseconds; 0: not yet */
  uint64_t microseconds; /* duration */
};

/* What came of it; the texts live as long as the capture. */
struct capture_report {
  enum capture_method method;
  const char *promise; /* one sentence: what the method cannot promise, or "" */
  struct cut_time cut;
  uint64_t pause_microseconds; /* the guest stood still; 0: it did not */
};

/* Starts QEMU's NBD server and creates scratch files and nodes: all that can
 * fail in advance, and nothing that the guest notices.  QMP must outlive the
 * capture, the disks of the request until they are exposed.  NULL: reported,
 * and QEMU is as it was. */
struct capture *capture_prepare (struct qmp *qmp,
                                 const struct capture_request *request);
/* Cuts all disks at one instant, with the new bitmaps recording no later than
 * that.  -1: reported, and QEMU is as it was; all that is left is to free it.
 */
int capture_cut (struct capture *capture);
/* Merges the frozen change maps, after the cut, and exports each disk.  -1: as
 * above. */
int capture_expose (struct capture *capture);
const struct capture_report *capture_report (const struct capture *capture);

/* The length of the disk's scratch file at which its method gives the backup
 * up; 0: at none. */
uint64_t capture_scratch_threshold (const struct capture *capture, size_t disk);

/* What another process needs to resume it, the caller's.  To be asked for
 * before events are given to capture_broken_by. */
json_object *capture_record (const struct capture *capture);

/* The capture that the record is of, with the request that it began with, if
 * QEMU still has all of it and it did not break meanwhile.  Nothing is removed,
 * here or on failure.  NULL: reported. */
struct capture *capture_resume (struct qmp *qmp,
                                const struct capture_request *request,
                                json_object *record);

/* Frees the memory only, also of scratch files nothing more. */
void capture_abandon (struct capture *capture);

/* Takes the exports down in the background, as if it had broken. */
void capture_give_up (struct capture *capture);

/* First step of the end: QEMU closes its NBD connections in transmission and
 * forgets the exports, before anything else is stopped (QEMU 7.2 aborts where a
 * client closes first).  Before the second step every other connection must be
 * closed, those that still negotiate: 'nbd-server-stop' of QEMU 7.2 waits for
 * them for ever, and the guest with it.  Safe to call twice. */
int capture_stop_exports (struct capture *capture);

/* Second step: the NBD server, jobs, filters, nodes and scratch files go, and
 * unless 'keep_bitmaps' the new bitmaps, too.  Goes on past errors; -1 with the
 * first one reported if something had to be left behind. */
int capture_end (struct capture *capture, bool keep_bitmaps);

/* For an event handler: the disk that an event says the point in time is lost
 * for (a job that failed, a scratch file that is full), else NULL.  *reason is
 * then the caller's.  The exports are then taken down in the background, so
 * that nobody reads what is no longer of that time; what else was made stays
 * until capture_end. */
const char *capture_broken_by (struct capture *capture, const char *event,
                               json_object *data, char **reason);

/* Take down what a capture of this 'job' name left in QEMU when the process
 * that made it died, in two steps as above.  New bitmaps are the caller's to
 * remove. They do nothing where nothing is left. */
int capture_recover_exports (struct qmp *qmp, const char *job);
int capture_recover (struct qmp *qmp, const char *job);

/* Frees the memory only, as after QEMU has gone; removes scratch files. */
void capture_free (struct capture *capture);

#endif /* PULLBACK_CAPTURE_H */
