/* SPDX-License-Identifier: BSD-3-Clause */
/* The service: its folders, and the list of domains that were touched since the
 * daemon started. */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "controller/catalogue/catalogue.h"
#include "controller/common/error.h"
#include "controller/domain/job.h"
#include "controller/domain/journal.h"
#include "controller/domain/json.h"
#include "controller/domain/recovery.h"
#include "controller/domain/service.h"
#include "controller/domain/settler.h"

/* Doubled with each attempt, up to sixteen times. */
#define RETRY_SECONDS 4

/* What a daemon that died left is taken up or taken down at once where QEMU can
 * be reached, else from time to time. */
static void
recover_domains (struct service *service)
{
  CLEANUP_NAME_LIST name_list names = catalogue_domains (service->state);
  size_t i;

  for (i = 0; names && names[i]; i++) {
    CLEANUP_DOMAIN_ENTRY struct domain_entry *entry = NULL;

    if (journal_exists (service->state, names[i]))
      entry = service_lock_domain (service, names[i]);
  }
}

struct service *
service_new (const struct service_settings *settings)
{
  const char *state_folder = settings->state_folder;
  const char *run_folder = settings->run_folder;
  struct service *service;

  if (catalogue_open (state_folder) == -1)
    return NULL;
  if (mkdir (run_folder, 0700) == -1 && errno != EEXIST) {
    fail_errno (ERROR_SYSTEM, "cannot make the folder '%s'", run_folder);
    return NULL;
  }
  service = calloc (1, sizeof *service);
  if (service == NULL) {
    fail_errno (ERROR_SYSTEM, "service");
    return NULL;
  }
  pthread_mutex_init (&service->lock, NULL);
  service->settings = settings;
  service->state = strdup (state_folder);
  service->run = strdup (run_folder);
  if (service->state == NULL || service->run == NULL) {
    fail_errno (ERROR_SYSTEM, "service");
    service_free (service);
    return NULL;
  }
  service->events = events_new ();
  if (service->events)
    service->settler = settler_start (service);
  if (service->settler == NULL) {
    service_free (service);
    return NULL;
  }
  recover_domains (service);
  return service;
}

void
service_free (struct service *service)
{
  struct domain_entry *entry;

  if (service == NULL)
    return;
  settler_stop (service->settler);
  while ((entry = service->entries)) {
    service->entries = entry->next;
    if (!job_running (entry->job))
      job_free (entry->job);
    pthread_mutex_destroy (&entry->lock);
    findings_clear (&entry->findings);
    free (entry->name);
    free (entry);
  }
  events_free (service->events);
  pthread_mutex_destroy (&service->lock);
  free (service->state);
  free (service->run);
  free (service);
}

static struct domain_entry *
find_or_add (struct service *service, const char *name)
{
  LOCK_IN_SCOPE (&service->lock);
  struct domain_entry *entry;

  for (entry = service->entries; entry; entry = entry->next) {
    if (strcmp (entry->name, name) == 0)
      return entry;
  }
  entry = calloc (1, sizeof *entry);
  if (entry == NULL || (entry->name = strdup (name)) == NULL) {
    free (entry);
    fail_errno (ERROR_SYSTEM, "domain '%s'", name);
    return NULL;
  }
  pthread_mutex_init (&entry->lock, NULL);
  entry->settler = service->settler;
  entry->events = service->events;
  entry->next = service->entries;
  service->entries = entry;
  return entry;
}

struct domain_entry *
service_lock_new_domain (struct service *service, const char *name)
{
  struct domain_entry *entry = find_or_add (service, name);

  if (entry)
    pthread_mutex_lock (&entry->lock);
  return entry;
}

static void
tell_recovered (struct service *service, const char *domain)
{
  json_object *data = json_object_new_object ();

  json_add_text (data, "reason",
                 "the daemon that ran it died, or could not end it; what it "
                 "left was taken down");
  event_emit (service->events, domain, EVENT_BACKUP_FAILED, data);
}

struct job_request
service_job_request (struct service *service, struct domain_entry *entry,
                     const struct domain_record *record)
{
  const struct service_settings *settings = service->settings;

  return (struct job_request){
    .state = service->state,
    .certificates = { .folder = settings->tls_certificates,
                      .any_peer = settings->tls_any_peer,
                      .subjects = settings->tls_subjects },
    .run = service->run,
    .domain = record,
    .findings = &entry->findings,
    .changed = settler_wake,
    .changed_opaque = entry,
    .events = service->events
  };
}

void
service_watch_time (struct domain_entry *entry)
{
  int64_t left;

  if (job_has_time (entry->job, &left))
    settler_wake_at (entry, left < 0 ? 0 : left);
}

/* A QEMU that has gone for good is asked for only now and then. */
static void
try_again_later (struct domain_entry *entry)
{
  const unsigned doubled = entry->attempts < 4 ? entry->attempts : 4;

  entry->attempts++;
  settler_wake_at (entry, INT64_C (1000) * (RETRY_SECONDS << doubled));
}

void
service_try_again (struct service *service, struct domain_entry *entry)
{
  if (!job_running (entry->job) && journal_exists (service->state, entry->name))
    try_again_later (entry);
}

static int
recover (struct service *service, struct domain_entry *entry)
{
  CLEANUP_DOMAIN_RECORD struct domain_record *record =
      catalogue_domain (service->state, entry->name);
  struct job_request request;
  struct job *taken_up;

  if (record == NULL)
    return -1;
  request = service_job_request (service, entry, record);
  if (job_recover (&request, &taken_up) == -1)
    return -1;
  entry->attempts = 0;
  if (taken_up == NULL) {
    tell_recovered (service, entry->name);
    return 0;
  }
  job_free (entry->job);
  entry->job = taken_up;
  service_watch_time (entry);
  return 0;
}

int
service_tend (struct service *service, struct domain_entry *entry)
{
  job_settle (entry->job);
  service_watch_time (entry);
  if (job_running (entry->job) ||
      !journal_exists (service->state, entry->name) ||
      recover (service, entry) == 0)
    return 0;
  fail_prefix ("what an earlier backup of domain '%s' left cannot be removed",
               entry->name);
  /* Not each time the same words. */
  if (entry->attempts == 0)
    log_line ("%s", error_message ());
  try_again_later (entry);
  return -1;
}

struct domain_entry *
service_lock_domain (struct service *service, const char *name)
{
  CLEANUP_DOMAIN_RECORD struct domain_record *record =
      catalogue_domain (service->state, name);
  struct domain_entry *entry;

  /* Only a domain that exists gets an entry: names come from outside. */
  entry = record ? service_lock_new_domain (service, name) : NULL;
  if (entry)
    service_tend (service, entry);
  return entry;
}

static bool
entry_has_job (struct domain_entry *entry)
{
  bool has_job;

  /* Who holds the lock is at work, which is busy enough. */
  if (pthread_mutex_trylock (&entry->lock) != 0)
    return true;
  has_job = entry->job != NULL;
  pthread_mutex_unlock (&entry->lock);
  return has_job;
}

bool
service_has_job (struct service *service, const char *name)
{
  LOCK_IN_SCOPE (&service->lock);
  struct domain_entry *entry;

  for (entry = service->entries; entry; entry = entry->next)
    if (strcmp (entry->name, name) == 0)
      return entry_has_job (entry);
  return false;
}

/* One that has ended and is only kept for what is to be said about it keeps no
 * daemon. */
bool
service_busy (struct service *service)
{
  LOCK_IN_SCOPE (&service->lock);
  struct domain_entry *entry;

  for (entry = service->entries; entry; entry = entry->next) {
    bool busy = true;

    if (pthread_mutex_trylock (&entry->lock) == 0) {
      busy = job_running (entry->job);
      pthread_mutex_unlock (&entry->lock);
    }
    if (busy)
      return true;
  }
  return false;
}

void
service_quiesce (struct service *service)
{
  events_close (service->events);
}

int
operation_event_list (struct service *service,
                      const struct operation_request *request,
                      json_object **reply)
{
  const struct events_query query = { .domain = request->only,
                                      .since_given =
                                          request->options & OPTION_SINCE,
                                      .since = request->since,
                                      .wait = request->wait };

  *reply = events_wait (service->events, &query);
  return *reply ? 0 : -1;
}

void
service_stop_jobs (struct service *service)
{
  struct domain_entry *entry;

  /* Entries are only ever added, at the head, and none is while the daemon
   * stops. */
  pthread_mutex_lock (&service->lock);
  entry = service->entries;
  pthread_mutex_unlock (&service->lock);
  for (; entry; entry = entry->next) {
    LOCK_IN_SCOPE (&entry->lock);

    job_settle (entry->job);
    if (!job_running (entry->job))
      continue;
    log_line ("the backup of domain '%s' is ended, since the daemon stops",
              entry->name);
    /* One that cannot be ended is left to the next daemon, by its journal. */
    if (job_check_end (entry->job, true) == -1 ||
        job_end (STEAL (entry->job), true, NULL) == -1)
      log_line ("%s", error_message ());
  }
}
