/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of the capture only: what a capture consists of, and the
 * steps that the methods share. */

#ifndef PULLBACK_CAPTURE_INTERNAL_H
#define PULLBACK_CAPTURE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "controller/capture/capture.h"
#include "controller/capture/undo.h"

/* More than this QEMU has no place for on its buses. */
#define MAX_DISKS 1000

/* QEMU's node names have at most 31 bytes. */
#define NAME_SIZE 32

/* What QEMU copies before the guest writes to a part of it, where the target is
 * a plain file. */
#define COPY_CLUSTER 65536

/* A disk of a capture and the names of all that is made for it. */
struct captured_disk {
  const struct capture_disk *request; /* NULL once it is exposed */
  char *name;
  char file[NAME_SIZE];    /* node of the scratch file */
  char overlay[NAME_SIZE]; /* qcow2 on it, backed by the live node */
  char filter[NAME_SIZE];  /* copy-before-write */
  char access[NAME_SIZE];  /* snapshot-access on the filter */
  char job[NAME_SIZE];     /* blockdev-backup, and the export's id */
  char changes[NAME_SIZE]; /* the union of the change maps, and its export */
  const char *target;      /* where old data is copied to: file or overlay */
  const char *exposed;     /* the node that shows the point in time */
  uint64_t threshold; /* bytes of the scratch file in use that raise an event;
                         0: none is needed */
};

/* See guard.c. */
struct capture_guard {
  pthread_t thread;
  bool started;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  atomic_bool alarm;
};

struct capture {
  struct qmp *qmp;
  const char *nbd_socket; /* NULL once it is exposed */
  const struct capture_method_steps *steps;
  struct captured_disk *disks;
  size_t nr_disks;
  struct undo_list made;
  struct undo_batch batch; /* what is to be sent at once */
  const char *subject;     /* the disk for which a step is taken; or NULL */
  struct capture_report report;
  bool no_pause, reclaim;
  struct capture_guard guard;
  atomic_bool ending;    /* what ends from now on is ended by ourselves */
  atomic_bool shut_down; /* QEMU or its guest is; what follows is due to that */
};

/* A method: three steps, each for all disks before the next begins. */
struct capture_method_steps {
  const char *promise;
  bool allocation_depth; /* the exported node has a backing chain that tells */
  bool pauses;           /* the cut is only while the guest stands still */
  bool by_job;           /* the filter is that of a backup job */
  bool break_snapshot;   /* copying that fails is not the guest's failure */
  bool discards;         /* ranges can be left out of the point in time */
  int (*prepare) (struct capture *capture, struct captured_disk *disk);
  int (*cut) (struct capture *capture);
  int (*expose) (struct capture *capture, struct captured_disk *disk);
};
extern const struct capture_method_steps capture_transaction;
extern const struct capture_method_steps capture_filter;
extern const struct capture_method_steps capture_overlay;

/* Named and empty; NULL: reported. */
struct capture *capture_new (struct qmp *qmp,
                             const struct capture_request *request);
void capture_set_method (struct capture *capture, enum capture_method method);
/* It has begun: the request may go. */
void capture_forget_request (struct capture *capture);

/* The method that the table allows; CAPTURE_AUTO: none, reported. */
enum capture_method capture_choose (struct qmp *qmp, enum capture_method wanted,
                                    bool iothread);

/* Executes a command that makes 'object', and notes how to undo it. */
int capture_make (struct capture *capture, enum undo_kind kind,
                  const char *object, const char *owner, const char *command,
                  json_object *arguments);

/* The same, added to the batch; and a command that makes nothing that is to be
 * undone. */
int capture_add (struct capture *capture, enum undo_kind kind,
                 const char *object, const char *owner, const char *command,
                 json_object *arguments);
int capture_add_plain (struct capture *capture, const char *command,
                       json_object *arguments);

/* Takes a step for each disk, which adds to the batch.  -1: the error names the
 * disk. */
int capture_each_disk (struct capture *capture,
                       int (*step) (struct capture *, struct captured_disk *));
/* Sends the batch.  What follows a command that fails is executed, too: each is
 * harmless by itself, and all is taken back. */
int capture_send (struct capture *capture);

int capture_guest_runs (struct qmp *qmp, bool *running);

/* Steps for each disk: the scratch file and its node, as large as the disk; or
 * a qcow2 image in it, and the node of that, backed by the live node. */
int scratch_make (struct capture *capture, struct captured_disk *disk);
/* The first without its node, which is told, the caller's; NULL: reported. */
json_object *scratch_make_file (struct capture *capture,
                                const struct captured_disk *disk);
/* How discards are to be taken, for "discard" of a node; NULL: by default. */
json_object *scratch_discard (const struct capture *capture,
                              const struct captured_disk *disk);
int scratch_make_overlay (struct capture *capture, struct captured_disk *disk);

/* Reserves room for the overlay's file. */
int scratch_reserve (struct captured_disk *disk);
/* A step for each disk: asks for the event BLOCK_WRITE_THRESHOLD before that is
 * used up. */
int scratch_set_threshold (struct capture *capture, struct captured_disk *disk);

/* Watches over a capture that has begun; stopped before its end, twice is no
 * error.  The alarm is for the thread that reads events. */
int guard_start (struct capture *capture);
void guard_alarm (struct capture *capture);
void guard_stop (struct capture *capture);

/* Leaves out what is clean, of the disks that are to have only changes.  After
 * the maps are frozen, before anything is exported; sends the batch if there
 * are such disks. */
int limit_to_changes (struct capture *capture);

/* The snapshot-access node on the disk's filter; exposes it. */
int access_make (struct capture *capture, struct captured_disk *disk);

/* "pullback" as it is, or what represents it in node names, which are short. */
void capture_short_name (const char *job, char text[17]);

/* A transaction that cuts all disks at one instant.  The bitmaps come before
 * the jobs: QEMU starts each action before it looks at the next, so that they
 * record at the latest from the instant on that the jobs mark. */
struct cut {
  struct undo_list *made;
  size_t made_before;
  json_object *actions;
  bool failed;
};
#define CUT(list)                                                              \
  {                                                                            \
    .made = (list), .made_before = (list)->nr_entries                          \
  }
void cut_new_bitmap (struct cut *cut, const struct disk *disk,
                     const char *name /* NULL: none */);
void cut_backup_job (struct cut *cut, const char *job, json_object *arguments);
int cut_execute (struct cut *cut, struct qmp *qmp);
/* Instead, where it was made with the notes of the batch. */
int cut_add (struct cut *cut, struct undo_batch *batch);

/* The new bitmaps of all disks. */
void cut_new_bitmaps (struct cut *cut, const struct capture *capture);
/* One transaction, the new bitmaps, and after them a backup job for each disk,
 * measured: the whole cut of two of the methods. */
int cut_by_transaction (struct capture *capture);
/* A step for each disk of these methods: its job is paused, for good.  It does
 * nothing by itself, the filter copies without it; but one that runs is paused
 * and continued again, with two events, whenever QEMU drains anything. */
int cut_rest_job (struct capture *capture, struct captured_disk *disk);
/* Measure what is between them. */
void cut_time_start (struct cut_time *cut);
void cut_time_stop (struct cut_time *cut);
uint64_t cut_clock (void); /* microseconds, monotonic */

int exports_start_server (struct capture *capture, const char *socket);
/* Adds the frozen change maps of all disks; after the cut, never before. */
int exports_freeze_maps (struct capture *capture);
/* Steps for each disk: what is to be undone after the export is deleted and the
 * data path has ended; and the export. */
int exports_note_clients (struct capture *capture, struct captured_disk *disk);
int exports_add (struct capture *capture, struct captured_disk *disk);

#endif /* PULLBACK_CAPTURE_INTERNAL_H */
