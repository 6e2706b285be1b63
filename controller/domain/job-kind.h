/* SPDX-License-Identifier: BSD-3-Clause */
/* Between job.c and the kinds of backups: what a job consists of, and the steps
 * in which those that are pulled and those that are pushed differ. */

#ifndef PULLBACK_JOB_KIND_H
#define PULLBACK_JOB_KIND_H

#include <pthread.h>
#include <time.h>

#include "controller/domain/job.h"

/* Events that came before anybody could judge them; far more than a cut can
 * cause. */
#define MAX_EARLY_EVENTS 64

enum job_outcome {
  JOB_PREPARED, /* the point in time is still to be taken */
  JOB_RUNNING,
  JOB_COMPLETED,
  JOB_FAILED,
  JOB_CANCELLED
};

struct early_event {
  char *name;
  json_object *data;
};

struct job {
  char *state;  /* the daemon's state folder */
  char *folder; /* RUN/DOMAIN: sockets and logs */
  char *domain, *monitor;
  char name[17];   /* of all that it makes in QEMU; no other job's */
  struct qmp *qmp; /* NULL once the job has ended by itself */
  bool at_work;    /* the next daemon can take it up */
  struct plan *plan;
  const struct job_kind *kind;
  void *parts; /* the kind's own; NULL: it has not begun */
  enum job_outcome outcome;
  struct quiesce quiesce;
  json_object *first_ticket; /* made with the job, until it is told; or NULL */
  unsigned wait_seconds; /* how long it may be prepared; 0: it does not wait */
  unsigned max_seconds;  /* how long it may run; 0: for ever */
  int64_t ends_at; /* CLOCK_MONOTONIC, milliseconds; 0: its time has no end */
  void (*changed) (void *opaque);
  void *changed_opaque;
  struct events *events; /* the service's */

  /* Of what follows, also the event and watcher threads take part. */
  pthread_mutex_t lock;
  bool judging; /* 'parts' is set and events go to the kind */
  bool begun;   /* and those who wait for events were told so */
  struct early_event early[MAX_EARLY_EVENTS];
  size_t nr_early;
  char *broken; /* why the point in time or the way to it is lost */
};

struct job_kind {
  enum event_kind ended; /* what it is when somebody ends one that runs */
  /* The plan is made; writes the journal before it makes anything, then does
   * all that can fail before the cut.  -1: reported, nothing is left in QEMU as
   * far as it answers. */
  int (*prepare) (struct job *job, const struct job_request *request);
  /* Takes the point in time and nothing more.  -1: as above. */
  int (*cut) (struct job *job);
  /* What follows it: the job is at work, which the journal says.  -1: as above.
   */
  int (*open) (struct job *job);
  /* Adds to the journal what it alone knows: "files" and "socket" are removed
   * with a job that cannot be taken up.  -1: reported. */
  int (*record) (struct job *job, json_object *json);
  /* A job that is at work since a daemon that died goes on in this one.  NULL:
   * that cannot be.  -1: reported; all is as it was. */
  int (*take_up) (struct job *job, const struct job_request *request,
                  json_object *json);
  /* With the job's lock held, on the monitor's reader thread: what an event
   * means for the job. */
  void (*judge) (struct job *job, const char *event, json_object *data);
  /* See job.h; NULL: the job never ends by itself. */
  void (*settle) (struct job *job);
  /* NULL, or it returns NULL: it has none. */
  struct tickets *(*tickets) (struct job *job);
  /* Of a job that runs and is not broken: whether all was read, as in reads.h.
   * NULL: it ends by itself when all is written. */
  int (*check_complete) (struct job *job);
  /* Of a job that has not ended by itself and is not merely prepared, unless
   * 'abort'. */
  int (*check_end) (struct job *job, bool abort);
  /* The same; *kept: the checkpoint is. */
  int (*end) (struct job *job, bool abort, bool *kept);
  void (*describe) (struct job *job, json_object *json);
  void (*describe_disk) (struct job *job, size_t disk, json_object *json);
  /* Of one that runs: a list of what is added to each disk.  NULL: nobody
   * reads; and if it returns that, it is reported. */
  json_object *(*describe_reads) (struct job *job);
  void (*free) (struct job *job); /* of 'parts' */
};
extern const struct job_kind job_pull;
extern const struct job_kind job_push;

/* Empty, with what the request says; NULL: reported. */
struct job *job_new (const struct job_request *request, enum backup_mode mode,
                     const char *name);
/* To the monitor; events are kept until they are judged.  -1: reported. */
int job_connect (struct job *job);

/* Writes the journal.  -1: reported. */
int job_save (struct job *job);

/* The job of which the journal tells, running.  NULL: reported; *reached: QEMU
 * has answered. */
struct job *job_take_up (const struct job_request *request, json_object *json,
                         bool *reached);

/* Its time to wait for the cut begins; and that to run. */
void job_start_waiting (struct job *job, unsigned seconds);
void job_start_clock (struct job *job);

/* What the kind has not taken back itself, as with an abort; the error stays.
 * -1: QEMU cannot close its connections now, and nothing was done. */
int job_take_back (struct job *job);

/* Events go to the kind from here on, those that came in between first; until
 * what judges is about to go. */
void job_start_judging (struct job *job);
void job_stop_judging (struct job *job);
/* Those that came in between. */
void job_forget_events (struct job *job);

/* The first reason stays, and is logged.  With the lock held. */
void job_mark_broken (struct job *job, const char *reason);
/* The moment of the cut and its duration, and how long the guest stood still.
 */
void job_describe_cut (const struct cut_time *cut, uint64_t pause_microseconds,
                       json_object *json);

/* "pull" or "push". */
const char *job_mode (const struct job *job);

/* Tells those who wait for events that the job has begun; what breaks it is
 * told from then on. */
void job_tell_begun (struct job *job);

/* Tells those who wait for events what became of the job.  'reason' may be
 * NULL; 'kept': its checkpoint is. */
void job_tell (struct job *job, enum event_kind kind, const char *reason,
               bool kept);

/* The same of one that goes on after something has died. */
void job_tell_resumed (struct job *job, const char *reason);

/* Of a pull: how much of the room for scratch files is used up, of all of it
 * where 'disk' is NULL.  With the lock held. */
void job_tell_scratch (struct job *job, const char *disk, unsigned percent);

/* Its metadata; does nothing where there is none.  -1: reported. */
int job_commit_checkpoint (struct job *job);

/* Of the monitor, which is then free for others. */
void job_let_go (struct job *job);

/* Reports that the backup is of no use.  -1. */
int job_fail_void (struct job *job, const char *reason);

#endif /* PULLBACK_JOB_KIND_H */
