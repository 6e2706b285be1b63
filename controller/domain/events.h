/* SPDX-License-Identifier: BSD-3-Clause */
/* What happened to backups and checkpoints, for whoever waits for it: the last
 * events, each with a number, in memory. */

#ifndef PULLBACK_EVENTS_H
#define PULLBACK_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

/* The members of an event's data are strings, numbers and booleans; events.c
 * has the names, docs/api.md the data of each. */
enum event_kind {
  EVENT_BACKUP_BEGAN,
  EVENT_BACKUP_BROKEN,    /* a pull has lost its point in time; it still runs */
  EVENT_BACKUP_RESUMED,   /* it goes on, though a process of it has died */
  EVENT_BACKUP_SCRATCH,   /* a pull has used up much room for scratch files */
  EVENT_BACKUP_ENDED,     /* a pull, by whom it was told to */
  EVENT_BACKUP_COMPLETED, /* a push, by itself */
  EVENT_BACKUP_FAILED, /* a push by itself; a daemon died, or did not end it */
  EVENT_BACKUP_CANCELLED, /* a push */
  EVENT_QUIESCE_FAILED,   /* the guest was not frozen, or not all the time */
  EVENT_CHECKPOINT_CREATED,
  EVENT_CHECKPOINT_DELETED,
  NR_EVENT_KINDS,
};

/* Longer than a connection may be idle for, and not for ever: who has gone is
 * only noticed then. */
#define EVENTS_MAX_WAIT_SECONDS 60

struct events;

/* As in "backup-began". */
const char *event_name (enum event_kind kind);

/* NULL: reported. */
struct events *events_new (void);
void events_free (struct events *events);
/* Answers those who wait; nobody can wait from here on. */
void events_close (struct events *events);

/* Takes over 'data', an object or NULL.  Called from any thread, whatever locks
 * it holds; never fails: an event that finds no memory is lost. */
void event_emit (struct events *events, const char *domain,
                 enum event_kind kind, json_object *data);

/* 'how' it came to be: create, redefine, import or backup. */
void event_tell_created (struct events *events, const char *domain,
                         const char *checkpoint, const char *how);
/* Of names that end with NULL; 'metadata': the bitmaps stay. */
void event_tell_deleted (struct events *events, const char *domain,
                         const char *const *checkpoints, bool metadata);

struct events_query {
  const char *domain; /* only of this one; NULL: of all */
  bool since_given;   /* else only what comes from now on */
  int64_t since;      /* only those with a larger number; 0: all there are */
  unsigned wait;      /* seconds to wait where there are none yet */
};

/* {"events", "next", "lost"} as docs/api.md has it, the caller's.  NULL:
 * reported. */
json_object *events_wait (struct events *events,
                          const struct events_query *query);

#endif /* PULLBACK_EVENTS_H */
