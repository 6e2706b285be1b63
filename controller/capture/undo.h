/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of what a capture has made in QEMU and on the disk, in order, so
 * that the end and every failure on the way remove exactly that, backwards. */

#ifndef PULLBACK_CAPTURE_UNDO_H
#define PULLBACK_CAPTURE_UNDO_H

#include "controller/qmp/qmp.h"

enum undo_kind {
  UNDO_FILE = 1,      /* path: unlink */
  UNDO_NODE = 2,      /* node name: blockdev-del */
  UNDO_JOB = 4,       /* job id: job-cancel, job-dismiss, until it is gone */
  UNDO_BITMAP = 8,    /* bitmap of the node 'owner' */
  UNDO_DEVICE = 16,   /* filter: the device 'owner' gets what is below it */
  UNDO_EXPORT = 32,   /* export id: block-export-del, clients are cut off */
  UNDO_SERVER = 64,   /* path of the socket: nbd-server-stop */
  UNDO_CLIENTS = 128, /* export id: until its clients have gone, too */
  UNDO_PAUSE = 256,   /* name of the node that marks it: cont */
};
#define UNDO_ALL 511

struct undo_entry {
  enum undo_kind kind;
  char *object, *owner;
};

struct undo_list {
  struct undo_entry *entries;
  size_t nr_entries;
};

/* Notes what the next command will make; 'owner' may be NULL. */
int undo_push (struct undo_list *list, enum undo_kind kind, const char *object,
               const char *owner);
/* Executes a command that makes what 'entry' says, and notes it.  Consumes
 * 'arguments'. */
int undo_make (struct qmp *qmp, struct undo_list *list,
               const struct undo_entry *entry, const char *command,
               json_object *arguments);

/* Commands to be sent at once, and notes of what they make. */
struct undo_batch {
  struct undo_list notes;
  struct qmp_command *commands;
  struct undo_batch_item {
    size_t notes_end, nr_notes; /* of what the command makes */
    const char *subject; /* the disk that it is about, the caller's; or NULL */
  } * items;             /* one for each command */
  size_t nr_commands;
};

/* Adds a command that makes what the last 'nr_notes' of the batch's notes say.
 * Consumes 'arguments'.  -1: reported, and it is not in the batch. */
int undo_batch_add (struct undo_batch *batch, size_t nr_notes,
                    const char *subject, const char *command,
                    json_object *arguments);
/* Executes them and empties the batch.  All that was made is noted, also what
 * comes after one that failed, whose subject the error names. */
int undo_batch_make (struct qmp *qmp, struct undo_list *list,
                     struct undo_batch *batch);
void undo_batch_clear (struct undo_batch *batch);
#define CLEANUP_UNDO_BATCH __attribute__ ((cleanup (undo_batch_clear)))

/* The list as JSON, the caller's, and back: -1: reported. */
json_object *undo_record (const struct undo_list *list);
int undo_restore (struct undo_list *list, json_object *record);
/* Forgets the notes after the first 'count'. */
void undo_truncate (struct undo_list *list, size_t count);
/* Forgets all notes of these kinds: what they made stays. */
void undo_keep (struct undo_list *list, int kinds);

/* Undoes what is of these kinds, the last first, and goes on past errors; what
 * is gone already is no error.  -1: the first error is reported, and what could
 * not be undone stays in the list. */
int undo_run (struct qmp *qmp, struct undo_list *list, int kinds);

/* Undoes the last of this kind and name. */
int undo_single (struct qmp *qmp, struct undo_list *list, enum undo_kind kind,
                 const char *object);

/* Undoes all; the error that is reported stays, with what could not be undone
 * behind it. */
void undo_roll_back (struct qmp *qmp, struct undo_list *list);

/* Unlinks the files and frees the list. */
void undo_free (struct undo_list *list);

#endif /* PULLBACK_CAPTURE_UNDO_H */
