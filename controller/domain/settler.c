/* SPDX-License-Identifier: BSD-3-Clause */
/* Settles jobs on a thread of its own: events come on the reader thread of a
 * connection, which can neither use that connection nor wait for a domain. What
 * could not be removed it tries to remove again. */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <time.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/job.h"
#include "controller/domain/service.h"
#include "controller/domain/settler.h"

struct settler {
  struct service *service;
  pthread_t thread;
  pthread_mutex_t lock; /* of what follows; taken before the service's */
  pthread_cond_t wake;
  bool work, stop;
};

static int64_t
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C (1000) + time.tv_nsec / 1000000;
}

static bool
is_due (struct domain_entry *entry)
{
  long long wake_at = entry->wake_at;

  return wake_at && wake_at <= now () &&
         atomic_compare_exchange_strong (&entry->wake_at, &wake_at, 0);
}

/* Entries are only ever added, at the head. */
static struct domain_entry *
first_entry (struct service *service)
{
  LOCK_IN_SCOPE (&service->lock);

  return service->entries;
}

static void
settle_changed (struct service *service)
{
  struct domain_entry *entry;

  for (entry = first_entry (service); entry; entry = entry->next) {
    bool due = is_due (entry);

    if (!atomic_exchange (&entry->changed, false) && !due)
      continue;
    LOCK_IN_SCOPE (&entry->lock);
    service_tend (service, entry);
  }
}

/* When the first of them is due; 0: none is. */
static int64_t
next_time (struct service *service)
{
  struct domain_entry *entry;
  int64_t next = 0;

  for (entry = first_entry (service); entry; entry = entry->next) {
    int64_t wake_at = entry->wake_at;

    if (wake_at && (next == 0 || wake_at < next))
      next = wake_at;
  }
  return next;
}

/* With the lock held. */
static void
wait_for_work (struct settler *settler)
{
  int64_t next = next_time (settler->service);
  const struct timespec until = { .tv_sec = next / 1000,
                                  .tv_nsec = next % 1000 * 1000000 };

  if (next == 0)
    pthread_cond_wait (&settler->wake, &settler->lock);
  else if (next > now ())
    pthread_cond_timedwait (&settler->wake, &settler->lock, &until);
  if (next && next <= now ())
    settler->work = true;
}

static void *
run (void *opaque)
{
  struct settler *settler = opaque;

  pthread_mutex_lock (&settler->lock);
  while (!settler->stop) {
    if (!settler->work) {
      wait_for_work (settler);
      continue;
    }
    settler->work = false;
    pthread_mutex_unlock (&settler->lock);
    settle_changed (settler->service);
    pthread_mutex_lock (&settler->lock);
  }
  pthread_mutex_unlock (&settler->lock);
  return NULL;
}

struct settler *
settler_start (struct service *service)
{
  struct settler *settler = calloc (1, sizeof *settler);
  pthread_condattr_t monotonic;

  if (settler == NULL) {
    fail_errno (ERROR_SYSTEM, "cannot start a thread");
    return NULL;
  }
  settler->service = service;
  pthread_mutex_init (&settler->lock, NULL);
  pthread_condattr_init (&monotonic);
  pthread_condattr_setclock (&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init (&settler->wake, &monotonic);
  pthread_condattr_destroy (&monotonic);
  errno = pthread_create (&settler->thread, NULL, run, settler);
  if (errno == 0)
    return settler;
  fail_errno (ERROR_SYSTEM, "cannot start a thread");
  free (settler);
  return NULL;
}

void
settler_stop (struct settler *settler)
{
  if (settler == NULL)
    return;
  pthread_mutex_lock (&settler->lock);
  settler->stop = true;
  pthread_cond_signal (&settler->wake);
  pthread_mutex_unlock (&settler->lock);
  pthread_join (settler->thread, NULL);
  pthread_cond_destroy (&settler->wake);
  pthread_mutex_destroy (&settler->lock);
  free (settler);
}

void
settler_wake (void *domain_entry)
{
  struct domain_entry *entry = domain_entry;
  struct settler *settler = entry->settler;
  LOCK_IN_SCOPE (&settler->lock);

  entry->changed = true;
  settler->work = true;
  pthread_cond_signal (&settler->wake);
}

void
settler_wake_at (struct domain_entry *entry, int64_t milliseconds)
{
  struct settler *settler = entry->settler;
  LOCK_IN_SCOPE (&settler->lock);

  entry->wake_at = milliseconds < 0 ? 0 : now () + milliseconds;
  pthread_cond_signal (&settler->wake);
}
