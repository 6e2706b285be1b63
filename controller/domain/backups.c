/* SPDX-License-Identifier: BSD-3-Clause */
/* The operations on backups: begin, info, end. */

#include <config.h>

#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "controller/catalogue/catalogue.h"
#include "controller/common/error.h"
#include "controller/domain/job.h"
#include "controller/domain/json.h"
#include "controller/domain/service.h"
#include "controller/domain/settler.h"

/* The requested documents; without one, a full pull of all disks. */
static int
read_documents (json_object *body, struct backup **backup,
                struct checkpoint **checkpoint)
{
  static const char all_disks[] = "<domainbackup mode='pull'/>";
  const char *backup_xml, *checkpoint_xml;

  if (json_get_text (body, "backup_xml", &backup_xml) == -1 ||
      json_get_text (body, "checkpoint_xml", &checkpoint_xml) == -1)
    return -1;
  if (backup_xml == NULL)
    backup_xml = all_disks;
  *backup = backup_parse (backup_xml, strlen (backup_xml));
  if (*backup == NULL)
    return -1;
  if (checkpoint_xml == NULL)
    return 0;
  *checkpoint = checkpoint_parse (checkpoint_xml, strlen (checkpoint_xml));
  return *checkpoint ? 0 : -1;
}

static int
read_method (json_object *body, enum capture_method *method)
{
  const char *name;
  int found;

  *method = CAPTURE_AUTO;
  if (json_get_text (body, "method", &name) == -1)
    return -1;
  if (name == NULL)
    return 0;
  found = capture_method_from_name (name);
  if (found == -1)
    return fail (ERROR_INVALID,
                 "there is no method '%s'; there are transaction, filter and "
                 "overlay",
                 name);
  *method = found;
  return 0;
}

#define DEFAULT_WAIT_SECONDS 600
#define MAX_WAIT_SECONDS     86400

/* 30 days. */
#define MAX_RUN_SECONDS 2592000

/* Of what begins: whether it is only prepared, and for how long at most; and
 * how long it may run. */
static int
read_times (json_object *body, struct job_request *job)
{
  int64_t given, max;
  bool prepare;

  if (json_get_bool (body, "prepare", &prepare) == -1 ||
      json_get_number (body, "prepare_seconds", 1, MAX_WAIT_SECONDS,
                       DEFAULT_WAIT_SECONDS, &given) == -1 ||
      json_get_number (body, "max_seconds", 1, MAX_RUN_SECONDS, 0, &max) == -1)
    return -1;
  job->wait_seconds = prepare ? given : 0;
  job->max_seconds = max;
  return 0;
}

static int
read_request (json_object *body, struct job_request *job)
{
  return quiesce_read (body, job->domain, job->events, job->quiesce) == -1 ||
                 read_method (body, &job->method) == -1 ||
                 scratch_read (body, &job->scratch) == -1 ||
                 json_get_bool (body, "reuse_external", &job->reuse_external) ==
                     -1 ||
                 json_get_bool (body, "no_pause", &job->no_pause) == -1 ||
                 json_get_bool (body, "changes_only", &job->changes_only) ==
                     -1 ||
                 json_get_bool (body, "reclaim", &job->reclaim) == -1 ||
                 json_get_bool (body, "insecure", &job->insecure) == -1 ||
                 json_get_object (body, "ticket", &job->ticket) == -1 ||
                 read_times (body, job) == -1
             ? -1
             : 0;
}

/* Cuts the job, or has it wait for that. */
static int
cut_or_wait (struct domain_entry *entry, const struct job_request *request,
             struct job *job)
{
  if (request->wait_seconds == 0)
    job = job_cut (job, request->domain);
  if (job == NULL)
    return -1;
  /* What there was to be said about the last one has been said. */
  job_free (entry->job);
  entry->job = job;
  service_watch_time (entry);
  return 0;
}

int
operation_backup_begin (struct service *service,
                        const struct operation_request *request,
                        json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      service_lock_domain (service, request->domain);
  CLEANUP_DOMAIN_RECORD struct domain_record *record = NULL;
  CLEANUP_BACKUP struct backup *backup = NULL;
  CLEANUP_CHECKPOINT struct checkpoint *checkpoint = NULL;
  CLEANUP_QUIESCE struct quiesce quiesce = { 0 };
  struct job_request job;
  struct job *begun;

  if (entry == NULL)
    return -1;
  if (job_running (entry->job))
    return fail (ERROR_CONFLICT,
                 "a backup of domain '%s' is running already; end it first: "
                 "pullback backup-end %s",
                 request->domain, request->domain);
  /* The new job's journal would take the place of one that is left. */
  if (service_tend (service, entry) == -1)
    return -1;
  record = catalogue_domain (service->state, request->domain);
  if (record == NULL)
    return -1;
  job = service_job_request (service, entry, record);
  job.quiesce = &quiesce;
  if (read_documents (request->body, &backup, &checkpoint) == -1 ||
      read_request (request->body, &job) == -1)
    return -1;
  begun = job_prepare (&job, STEAL (backup), STEAL (checkpoint));
  if (begun == NULL || cut_or_wait (entry, &job, begun) == -1) {
    service_try_again (service, entry);
    return -1;
  }
  *reply = job_describe (entry->job);
  if (*reply)
    json_object_object_add (*reply, "ticket",
                            job_take_first_ticket (entry->job));
  return *reply ? 0 : -1;
}

/* The domain's entry, if a job runs on it. */
static struct domain_entry *
lock_with_job (struct service *service, const char *domain)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      service_lock_domain (service, domain);

  if (entry && entry->job == NULL) {
    fail (ERROR_NOT_FOUND,
          "no backup of domain '%s' is running; 'pullback backup-begin %s' "
          "starts one",
          domain, domain);
    return NULL;
  }
  return STEAL (entry);
}

int
operation_backup_cut (struct service *service,
                      const struct operation_request *request,
                      json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      lock_with_job (service, request->domain);
  CLEANUP_DOMAIN_RECORD struct domain_record *record = NULL;
  CLEANUP_FREE char *reason = NULL;

  if (entry == NULL)
    return -1;
  if (!job_waits (entry->job)) {
    reason = job_reason (entry->job);
    return fail (ERROR_CONFLICT,
                 "the backup of domain '%s' is not one that waits for its "
                 "point in time%s%s",
                 request->domain, reason ? ": " : "", reason ? reason : "");
  }
  record = catalogue_domain (service->state, request->domain);
  if (record == NULL)
    return -1;
  settler_wake_at (entry, -1);
  entry->job = job_cut (entry->job, record);
  if (entry->job == NULL) {
    service_try_again (service, entry);
    return -1;
  }
  service_watch_time (entry);
  *reply = job_describe (entry->job);
  return *reply ? 0 : -1;
}

int
operation_backup_info (struct service *service,
                       const struct operation_request *request,
                       json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      lock_with_job (service, request->domain);

  if (entry == NULL)
    return -1;
  *reply = job_describe (entry->job);
  if (*reply)
    job_describe_reads (entry->job, *reply);
  return *reply ? 0 : -1;
}

/* Until all maps are there that it takes; of one that cannot be had the relay
 * says so at once. */
#define SECONDS_FOR_MAPS 120
#define MAP_PAUSE        20 /* milliseconds, until it is asked for again */

static int64_t
now_seconds (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

/* Lets others have the domain's lock for a moment.  -1: the job is not there
 * any more, reported. */
static int
give_way (struct service *service, const char *domain,
          struct domain_entry **entry)
{
  const struct timespec pause = { .tv_nsec = MAP_PAUSE * 1000000 };
  CLEANUP_FREE char *name = strdup (job_name ((*entry)->job));

  cleanup_domain_entry_unlock (entry);
  nanosleep (&pause, NULL);
  *entry = lock_with_job (service, domain);
  if (*entry == NULL)
    return -1;
  return name && strcmp (job_name ((*entry)->job), name) == 0
             ? 0
             : fail (ERROR_CONFLICT,
                     "the backup of domain '%s' was ended meanwhile", domain);
}

/* While maps are fetched others are served. */
static int
check_complete (struct service *service, const char *domain,
                struct domain_entry **entry)
{
  const int64_t limit = now_seconds () + SECONDS_FOR_MAPS;
  int r;

  while ((r = job_check_complete ((*entry)->job)) == 1)
    if (now_seconds () >= limit || give_way (service, domain, entry) == -1)
      return -1;
  return r;
}

int
operation_backup_end (struct service *service,
                      const struct operation_request *request,
                      json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      lock_with_job (service, request->domain);
  CLEANUP_JSON json_object *answer = json_object_new_object ();
  bool abort = request->options & OPTION_ABORT;
  bool require_complete = request->options & OPTION_REQUIRE_COMPLETE;
  bool committed;

  if (abort && require_complete)
    return fail (ERROR_INVALID,
                 "a backup that is aborted cannot be required to be complete");
  /* First: what comes next cuts clients off. */
  if (entry == NULL ||
      (require_complete &&
       check_complete (service, request->domain, &entry) == -1) ||
      job_check_end (entry->job, abort) == -1)
    return -1;
  json_add_text (answer, "checkpoint", job_checkpoint (entry->job));
  if (job_end (STEAL (entry->job), abort, &committed) == -1) {
    service_try_again (service, entry);
    return -1;
  }
  json_add_bool (answer, "committed", committed);
  *reply = STEAL (answer);
  return 0;
}

int
operation_ticket_add (struct service *service,
                      const struct operation_request *request,
                      json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      lock_with_job (service, request->domain);

  if (entry == NULL)
    return -1;
  return job_add_ticket (entry->job, request->body, reply);
}

int
operation_ticket_list (struct service *service,
                       const struct operation_request *request,
                       json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      lock_with_job (service, request->domain);
  json_object *list = entry ? job_list_tickets (entry->job) : NULL;

  if (list == NULL)
    return -1;
  *reply = json_object_new_object ();
  json_object_object_add (*reply, "tickets", list);
  return 0;
}

int
operation_ticket_revoke (struct service *service,
                         const struct operation_request *request,
                         json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      lock_with_job (service, request->domain);

  if (entry == NULL || job_revoke_ticket (entry->job, request->ticket) == -1)
    return -1;
  *reply = json_object_new_object ();
  return 0;
}
