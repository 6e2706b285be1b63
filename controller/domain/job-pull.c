/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a pull backup, in the order that keeps the guest unharmed: all
 * that can fail comes before the cut; at the end QEMU closes first. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/job-pull.h"
#include "controller/domain/journal.h"
#include "controller/domain/reads.h"

static int
make_parts (struct job *job)
{
  struct pull *pull = calloc (1, sizeof *pull);

  job->parts = pull;
  if (pull == NULL ||
      asprintf (&pull->nbd_socket, "%s/qemu.sock", job->folder) == -1 ||
      asprintf (&pull->public_socket, "%s/nbd.sock", job->folder) == -1)
    return fail_errno (ERROR_SYSTEM, "backup");
  return 0;
}

static int
prepare (struct job *job, const struct job_request *request)
{
  if (make_parts (job) == -1)
    return -1;
  if (request->reuse_external)
    return fail (ERROR_INVALID,
                 "files that are there can be reused only for <domainbackup "
                 "mode='push'>");
  pull_of (job)->reclaim = request->reclaim;
  return pull_choose_server (job, request) == -1 || job_save (job) == -1 ||
                 pull_start_server (job, request) == -1 ||
                 pull_prepare_capture (job, request) == -1
             ? -1
             : 0;
}

static int
cut (struct job *job)
{
  return capture_cut (pull_of (job)->capture);
}

/* The next daemon can take the job up from here on, and clients that wait are
 * served.  If it does not find a broker there was none, and nobody has a
 * connection. */
static int
open_exports (struct job *job)
{
  if (pull_expose (job) == -1)
    return -1;
  job->at_work = true;
  job_start_judging (job);
  if (job_save (job) == -1 || datapath_open (pull_of (job)->datapath) == -1)
    return -1;
  return pull_watch_scratch (job);
}

/* The data path last: its processes are left as they are until nothing can fail
 * any more. */
static int
take_up (struct job *job, const struct job_request *request, json_object *json)
{
  struct pull *pull;

  if (make_parts (job) == -1 || pull_resume_capture (job, json) == -1)
    return -1;
  pull = pull_of (job);
  pull->certificates = request->certificates;
  if (pull_read_record (pull, json) == -1 ||
      pull_take_over_server (job, json) == -1) {
    capture_abandon (STEAL (pull->capture));
    return -1;
  }
  job_start_judging (job);
  return pull_watch_scratch (job);
}

static struct tickets *
tickets (struct job *job)
{
  return pull_of (job)->tickets;
}

static int
check_complete (struct job *job)
{
  pull_note_forgotten (job);
  return reads_check (job->plan, pull_of (job)->datapath,
                      pull_of (job)->forgotten);
}

static int
check_end (struct job *job, bool abort)
{
  CLEANUP_FREE char *broken = job_reason (job);

  scratch_watch_stop (STEAL (pull_of (job)->watch));
  if (!abort && !broken)
    pull_probe_all (job);
  return pull_stop_exports (job);
}

static int
end (struct job *job, bool abort, bool *kept)
{
  CLEANUP_FREE char *broken = job_reason (job);

  scratch_watch_stop (STEAL (pull_of (job)->watch));
  datapath_stop (STEAL (pull_of (job)->datapath));
  pull_remove_reclaimed (job);
  if (pull_of (job)->tickets)
    tickets_remove_files (pull_of (job)->tickets);
  if (pull_end_capture (job, !abort && !broken) == -1)
    return -1;
  journal_remove (job->state, job->domain);
  *kept = !abort && !broken;
  return broken && !abort ? job_fail_void (job, broken) : 0;
}

static json_object *
describe_reads (struct job *job)
{
  return reads_describe (job->plan, pull_of (job)->datapath);
}

static void
free_parts (struct job *job)
{
  struct pull *pull = pull_of (job);

  scratch_watch_stop (pull->watch);
  if (pull->datapath) {
    datapath_stop (pull->datapath);
    pull_remove_reclaimed (job);
  }
  tickets_free (pull->tickets);
  capture_free (pull->capture);
  json_object_put (pull->record);
  free (pull->disks);
  free (pull->public_socket);
  free (pull->nbd_socket);
  free (pull);
}

const struct job_kind job_pull = {
  .ended = EVENT_BACKUP_ENDED,
  .prepare = prepare,
  .cut = cut,
  .open = open_exports,
  .record = pull_record,
  .take_up = take_up,
  .judge = pull_judge,
  .settle = pull_settle_server,
  .tickets = tickets,
  .check_complete = check_complete,
  .check_end = check_end,
  .end = end,
  .describe = pull_describe,
  .describe_disk = pull_describe_disk,
  .describe_reads = describe_reads,
  .free = free_parts,
};
