/* SPDX-License-Identifier: BSD-3-Clause */
/* What QEMU tells a job: its events, kept until somebody can judge them, and
 * the loss of the connection on which they come. */

#include <config.h>

#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/job-kind.h"

/* On the reader thread of the monitor's connection. */
static void
event_came (void *opaque, const char *event, json_object *data)
{
  struct job *job = opaque;
  LOCK_IN_SCOPE (&job->lock);

  if (job->judging)
    job->kind->judge (job, event, data);
  else if (*event == '\0')
    job_mark_broken (job, "the connection to QEMU is lost: it has ended, or "
                          "its monitor was taken away");
  /* Jobs say their every step, many for each disk, which would leave no place
   * for the rest; how they stand is asked for when the judging starts. */
  else if (strcmp (event, "JOB_STATUS_CHANGE") != 0 &&
           job->nr_early < MAX_EARLY_EVENTS) {
    struct early_event *early = &job->early[job->nr_early++];

    /* A copy: counting references is not safe between threads in json-c. */
    early->name = strdup (event);
    if (data)
      json_object_deep_copy (data, &early->data, NULL);
  }
}

void
job_start_judging (struct job *job)
{
  LOCK_IN_SCOPE (&job->lock);
  size_t i;

  job->judging = true;
  for (i = 0; i < job->nr_early; i++) {
    if (job->early[i].name)
      job->kind->judge (job, job->early[i].name, job->early[i].data);
  }
}

/* What judges is about to go. */
void
job_stop_judging (struct job *job)
{
  LOCK_IN_SCOPE (&job->lock);

  job->judging = false;
}

void
job_forget_events (struct job *job)
{
  LOCK_IN_SCOPE (&job->lock);
  size_t i;

  for (i = 0; i < job->nr_early; i++) {
    free (job->early[i].name);
    json_object_put (job->early[i].data);
    job->early[i] = (struct early_event){ 0 };
  }
  job->nr_early = 0;
}

int
job_connect (struct job *job)
{
  job->qmp = qmp_connect (job->monitor, event_came, job);
  return job->qmp ? 0 : fail_prefix ("domain '%s'", job->domain);
}
