/* SPDX-License-Identifier: BSD-3-Clause */
/* A running pull backup: the connection to QEMU, the captured point in time,
 * the data path, and the checkpoint that is provisional until the end. */

#ifndef PULLBACK_JOB_H
#define PULLBACK_JOB_H

#include <json-c/json.h>

#include "controller/capture/capture.h"
#include "controller/catalogue/catalogue.h"
#include "controller/domain/findings.h"
#include "controller/domain/plan.h"
#include "controller/qmp/qmp.h"

struct job;

struct job_request {
  const char *state, *run; /* the daemon's folders */
  const struct domain_record *domain;
  enum capture_method method;
  const char *scratch_folder; /* NULL: the state folder's */
  struct findings *findings;  /* the domain's */
};

/* Begins a backup.  Consumes 'backup' and 'checkpoint' (NULL: none is made).
 * NULL: reported; nothing is left behind. */
struct job *job_begin (const struct job_request *request, struct backup *backup,
                       struct checkpoint *checkpoint);

/* The job's connection to the monitor; it stays the job's. */
struct qmp *job_monitor (struct job *job);

/* What backup-info says; the caller's.  NULL: reported. */
json_object *job_describe (struct job *job);

/* Name of the checkpoint that the job makes, NULL: none. */
const char *job_checkpoint (const struct job *job);

/* Ends it and frees it, whatever happens: QEMU closes its connections, the data
 * path stops, and the checkpoint is committed, or removed if 'abort' is said or
 * the point in time was lost.  -1: the backup did not hold, or something was
 * left behind; reported. */
int job_end (struct job *job, bool abort);

#endif /* PULLBACK_JOB_H */
