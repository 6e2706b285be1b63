/* SPDX-License-Identifier: BSD-3-Clause */
/* What the operations share: the daemon's folders, and for each domain its lock
 * and the job that runs. */

#ifndef PULLBACK_SERVICE_H
#define PULLBACK_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "controller/domain/events.h"
#include "controller/domain/findings.h"
#include "controller/domain/job.h"
#include "controller/domain/operations.h"

struct settler;

struct domain_entry {
  struct domain_entry *next;
  char *name;
  pthread_mutex_t lock;    /* held by the operation at work on the domain */
  struct job *job;         /* owned; running or not; NULL: none */
  struct settler *settler; /* the service's, as are the events */
  struct events *events;
  atomic_bool changed;  /* for the settler */
  atomic_llong wake_at; /* the same; see settler_wake_at */
  unsigned attempts;    /* to remove what a dead backup has left, in vain */
  struct findings findings;
};

struct service {
  char *state, *run;
  const struct service_settings *settings;
  pthread_mutex_t lock; /* of the list, never held during an operation */
  struct domain_entry *entries; /* they live as long as the service */
  struct settler *settler;
  struct events *events;
};

/* The domain's entry with its lock held and its job settled; NULL: reported
 * (unknown domain unless the name is about to be added). */
struct domain_entry *service_lock_domain (struct service *service,
                                          const char *name);
struct domain_entry *service_lock_new_domain (struct service *service,
                                              const char *name);

/* What a job of the domain has to know. */
struct job_request service_job_request (struct service *service,
                                        struct domain_entry *entry,
                                        const struct domain_record *record);

/* With the entry's lock held: its job is settled, and what a dead one has left
 * is taken up or taken down.  -1: something is left, reported; it will be tried
 * again by and by. */
int service_tend (struct service *service, struct domain_entry *entry);

/* The settler comes when the time of its job, if that has an end, is over. */
void service_watch_time (struct domain_entry *entry);

/* After an operation that may have left something, the same. */
void service_try_again (struct service *service, struct domain_entry *entry);

/* Whether the domain has a job, running or not, or an operation that may be
 * starting one is at work on it. */
bool service_has_job (struct service *service, const char *name);

static inline void
cleanup_domain_entry_unlock (struct domain_entry **entry)
{
  if (*entry)
    pthread_mutex_unlock (&(*entry)->lock);
}
#define CLEANUP_DOMAIN_ENTRY                                                   \
  __attribute__ ((cleanup (cleanup_domain_entry_unlock)))

#endif /* PULLBACK_SERVICE_H */
