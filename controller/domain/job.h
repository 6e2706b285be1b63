/* SPDX-License-Identifier: BSD-3-Clause */
/* A backup, pulled or pushed: from its begin, with a checkpoint that is
 * provisional until the end.  All functions are called with the domain's lock
 * held. */

#ifndef PULLBACK_JOB_H
#define PULLBACK_JOB_H

#include <json-c/json.h>

#include "controller/capture/capture.h"
#include "controller/catalogue/catalogue.h"
#include "controller/datapath/datapath.h"
#include "controller/domain/events.h"
#include "controller/domain/findings.h"
#include "controller/domain/plan.h"
#include "controller/domain/quiesce.h"
#include "controller/qmp/qmp.h"

struct job;

struct job_request {
  const char *state, *run; /* the daemon's folders */
  const struct domain_record *domain;
  enum capture_method method;
  struct scratch_request scratch;
  bool reuse_external; /* targets of a push are there already */
  struct datapath_certificates certificates; /* for the server's TLS */
  json_object *ticket;       /* the first one's request; NULL: none is wanted */
  bool insecure;             /* may be served to others without TLS */
  bool no_pause;             /* refused where the guest would stand still */
  unsigned wait_seconds;     /* how long it may stay prepared; 0: it is cut
                                at once */
  bool changes_only;         /* of disks that have a base */
  bool reclaim;              /* every byte can be read once */
  struct quiesce *quiesce;   /* taken over, and left empty */
  unsigned max_seconds;      /* how long it may run; 0: for ever */
  struct findings *findings; /* the domain's */
  struct events *events;     /* the service's: what becomes of it is told */
  /* Called on a thread of the job's when job_settle may have something to do,
   * with locks of the job's held. */
  void (*changed) (void *opaque);
  void *changed_opaque;
};

/* Does all of a backup's begin that can fail in advance; there is no journal of
 * another.  Consumes 'backup' and
 * 'checkpoint' (NULL: none is made).  NULL: reported; nothing is left behind.
 */
struct job *job_prepare (const struct job_request *request,
                         struct backup *backup, struct checkpoint *checkpoint);

/* Takes the point in time of a job that is prepared; returns it.  NULL:
 * reported; the job is freed, and nothing is left behind. */
struct job *job_cut (struct job *job, const struct domain_record *domain);

/* Whether it still is prepared or at work, or waits for its end: one that has
 * ended by itself is kept only for what is to be said about it.  NULL is not.
 */
bool job_running (const struct job *job);

/* Whether it waits for its cut.  NULL does not. */
bool job_waits (const struct job *job);

/* Whether it has only so long to wait or to run, and how many milliseconds of
 * that are left; none: job_settle ends it. */
bool job_has_time (const struct job *job, int64_t *milliseconds);

/* A push that has completed commits its checkpoint here, one that has failed
 * and a job whose time is over are taken back, and all let go of QEMU.  NULL is
 * no error. */
void job_settle (struct job *job);

/* The connection to the monitor of a job that is running; it stays the job's.
 */
struct qmp *job_monitor (struct job *job);

/* What is known of it; the caller's.  NULL: reported. */
json_object *job_describe (struct job *job);

/* Adds to that what clients have read, as far as the data path can be asked. */
void job_describe_reads (struct job *job, json_object *json);

/* Why it is broken or has failed; NULL: it is not.  The caller's. */
char *job_reason (struct job *job);

/* The ticket that was asked for with the job, with its key, told once; the
 * caller's.  NULL: none was, or it was told. */
json_object *job_take_first_ticket (struct job *job);

/* The same operations as tickets.h has, for a job that is running.  NULL, -1:
 * reported; a push and a job without TLS have no tickets. */
int job_add_ticket (struct job *job, json_object *request,
                    json_object **answer);
int job_revoke_ticket (struct job *job, const char *identity);
json_object *job_list_tickets (struct job *job);

/* Name of the checkpoint that the job makes, NULL: none. */
const char *job_checkpoint (const struct job *job);

/* Of all that the daemon runs and has run no two have the same. */
const char *job_name (const struct job *job);

/* Whether clients have read all that they must have, if there is to be a backup
 * at all: of a job that is not running or is broken its end decides.  1: that
 * is still being found out, reported, too; it is to be asked for again, and the
 * domain's lock need not be held meanwhile.  -1: not so, reported, with what is
 * left. */
int job_check_complete (struct job *job);

/* Comes before the end: whether it can be ended so.  QEMU closes its
 * connections here, and one that lives and does not is a reason why not.  -1:
 * reported, and the job stays, to be ended later. */
int job_check_end (struct job *job, bool abort);

/* Ends it and frees it, whatever happens: QEMU closes its connections, the data
 * path stops, and the checkpoint is committed, or removed if 'abort' is said or
 * the point in time was lost.  *committed (NULL: not wanted) says which.  -1:
 * the backup did not hold, or something was left behind; reported. */
int job_end (struct job *job, bool abort, bool *committed);

/* Only the memory, of a job that is not running or is to be left.  NULL is no
 * error. */
void job_free (struct job *job);

static inline void
cleanup_job_free (struct job **job)
{
  job_free (*job);
}
#define CLEANUP_JOB __attribute__ ((cleanup (cleanup_job_free)))

#endif /* PULLBACK_JOB_H */
