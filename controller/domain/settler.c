/* SPDX-License-Identifier: BSD-3-Clause */
/* Settles jobs on a thread of its own: events come on the reader thread of a
 * connection, which can neither use that connection nor wait for a domain. */

#include <config.h>

#include <errno.h>
#include <stdbool.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/job.h"
#include "controller/domain/service.h"
#include "controller/domain/settler.h"

struct settler {
  struct service *service;
  pthread_t thread;
  pthread_mutex_t lock; /* of what follows; nothing is locked under it */
  pthread_cond_t wake;
  bool work, stop;
};

/* Entries are only ever added, at the head. */
static void
settle_changed (struct service *service)
{
  struct domain_entry *entry;

  pthread_mutex_lock (&service->lock);
  entry = service->entries;
  pthread_mutex_unlock (&service->lock);
  for (; entry; entry = entry->next) {
    if (!atomic_exchange (&entry->changed, false))
      continue;
    LOCK_IN_SCOPE (&entry->lock);
    job_settle (entry->job);
  }
}

static void *
run (void *opaque)
{
  struct settler *settler = opaque;

  pthread_mutex_lock (&settler->lock);
  while (!settler->stop) {
    if (!settler->work) {
      pthread_cond_wait (&settler->wake, &settler->lock);
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

  if (settler == NULL) {
    fail_errno (ERROR_SYSTEM, "cannot start a thread");
    return NULL;
  }
  settler->service = service;
  pthread_mutex_init (&settler->lock, NULL);
  pthread_cond_init (&settler->wake, NULL);
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
