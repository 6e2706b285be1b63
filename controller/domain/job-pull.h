/* SPDX-License-Identifier: BSD-3-Clause */
/* What a pull backup consists of beside what every job has, and its parts: each
 * does one thing for it, and job-pull.c has them do it in the right order. */

#ifndef PULLBACK_JOB_PULL_H
#define PULLBACK_JOB_PULL_H

#include <stdatomic.h>

#include "controller/domain/job-kind.h"
#include "controller/domain/scratch-watch.h"
#include "controller/domain/tickets.h"

struct pull {
  char *nbd_socket, *public_socket;
  struct capture_disk *disks; /* of the request, until they are exposed */
  struct capture *capture;
  json_object *record; /* of the capture, for the journal */
  struct datapath *datapath;
  struct datapath_certificates certificates; /* strings are the service's */
  bool use_certificates, insecure, reclaim;
  struct tickets *tickets; /* NULL: without TLS there are none */
  atomic_bool tickets_due; /* the relay may be another one */
  bool forgotten;          /* it is: what was read before is not known */
  struct scratch_watch *watch;
};

static inline struct pull *
pull_of (const struct job *job)
{
  return job->parts;
}

/* Functions that return int return -1 with the error reported. */

/* pull-capture.c: the point in time. */

int pull_prepare_capture (struct job *job, const struct job_request *wanted);
/* That of which the journal tells. */
int pull_resume_capture (struct job *job, json_object *json);
int pull_expose (struct job *job);
/* What QEMU's event means; see job-kind.h. */
void pull_judge (struct job *job, const char *event, json_object *data);
/* Whether what there is of the disk can still be read from. */
int pull_probe_disk (struct job *job, const struct plan_disk *disk);
/* The same of all: one that cannot makes the job a broken one. */
void pull_probe_all (struct job *job);
/* From any thread: the job is broken, and QEMU is to let go of it before
 * anything else ends. */
void pull_give_up (struct job *job, const char *reason);
/* QEMU closes its connections, or has gone; only then may the data path close
 * its own. */
int pull_stop_exports (struct job *job);
/* The checkpoint is committed if 'commit', and the capture taken down. */
int pull_end_capture (struct job *job, bool commit);

/* pull-server.c: what clients connect to. */

/* Fills in what the document leaves open. */
int pull_choose_server (struct job *job, const struct job_request *request);
int pull_start_server (struct job *job, const struct job_request *request);
/* From a daemon that died. */
int pull_take_over_server (struct job *job, json_object *json);
/* A relay that was started again is given its tickets, and has forgotten what
 * was read. */
void pull_settle_server (struct job *job);
void pull_note_forgotten (struct job *job);

/* pull-scratch.c: how full the scratch files are. */

int pull_watch_scratch (struct job *job);

/* pull-record.c: the journal, and what goes with the job. */

int pull_record (struct job *job, json_object *json);
/* What the record has of the server. */
int pull_read_record (struct pull *pull, json_object *json);
/* The files in which nbdkit keeps what it has reclaimed. */
void pull_remove_reclaimed (struct job *job);

/* pull-describe.c: what is told of it; see job-kind.h. */

void pull_describe (struct job *job, json_object *json);
void pull_describe_disk (struct job *job, size_t index, json_object *json);

#endif /* PULLBACK_JOB_PULL_H */
