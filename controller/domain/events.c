/* SPDX-License-Identifier: BSD-3-Clause */
/* A ring of the last events, and those who wait for the next one.  Data are
 * kept as text: an object of json-c's cannot be shared between threads. */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/events.h"
#include "controller/domain/json.h"

#define RING_SIZE 1024
/* Half of the connections that the daemon accepts. */
#define MAX_WAITING 32

struct event {
  enum event_kind kind;
  struct timespec when;
  char *domain, *data; /* NULL where memory had run out: not shown */
};

struct events {
  pthread_mutex_t lock; /* of all that follows; nothing is locked under it */
  pthread_cond_t came;
  struct event ring[RING_SIZE]; /* that of number n at n % RING_SIZE */
  int64_t first, next;          /* numbers: the oldest kept, and the next one */
  unsigned nr_waiting;
  bool closed;
};

static const char *const names[] = {
  [EVENT_BACKUP_BEGAN] = "backup-began",
  [EVENT_BACKUP_BROKEN] = "backup-broken",
  [EVENT_BACKUP_RESUMED] = "backup-resumed",
  [EVENT_BACKUP_SCRATCH] = "backup-scratch",
  [EVENT_BACKUP_ENDED] = "backup-ended",
  [EVENT_BACKUP_COMPLETED] = "backup-completed",
  [EVENT_BACKUP_FAILED] = "backup-failed",
  [EVENT_BACKUP_CANCELLED] = "backup-cancelled",
  [EVENT_QUIESCE_FAILED] = "quiesce-failed",
  [EVENT_CHECKPOINT_CREATED] = "checkpoint-created",
  [EVENT_CHECKPOINT_DELETED] = "checkpoint-deleted",
};
_Static_assert(sizeof names / sizeof names[0] == NR_EVENT_KINDS,
               "every kind of event has a name");

const char *
event_name (enum event_kind kind)
{
  return names[kind];
}

struct events *
events_new (void)
{
  struct events *events = calloc (1, sizeof *events);
  pthread_condattr_t attributes;
  struct timespec now;

  if (events == NULL) {
    fail_errno (ERROR_SYSTEM, "events");
    return NULL;
  }
  pthread_mutex_init (&events->lock, NULL);
  pthread_condattr_init (&attributes);
  pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
  pthread_cond_init (&events->came, &attributes);
  pthread_condattr_destroy (&attributes);
  /* Numbers begin where no earlier daemon's can have got to, so that a client
   * which goes on after a restart sees that there is a gap. */
  clock_gettime (CLOCK_REALTIME, &now);
  events->first = events->next =
      (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
  return events;
}

static void
event_clear (struct event *event)
{
  free (event->domain);
  free (event->data);
  *event = (struct event){ 0 };
}

void
events_free (struct events *events)
{
  size_t i;

  if (events == NULL)
    return;
  for (i = 0; i < RING_SIZE; i++)
    event_clear (&events->ring[i]);
  pthread_cond_destroy (&events->came);
  pthread_mutex_destroy (&events->lock);
  free (events);
}

void
events_close (struct events *events)
{
  LOCK_IN_SCOPE (&events->lock);

  events->closed = true;
  pthread_cond_broadcast (&events->came);
}

void
event_emit (struct events *events, const char *domain, enum event_kind kind,
            json_object *data)
{
  const char *text =
      data ? json_object_to_json_string_ext (data, JSON_C_TO_STRING_PLAIN)
           : "{}";
  LOCK_IN_SCOPE (&events->lock);
  struct event *event = &events->ring[events->next % RING_SIZE];

  event_clear (event);
  event->kind = kind;
  clock_gettime (CLOCK_REALTIME, &event->when);
  event->domain = strdup (domain);
  event->data = text ? strdup (text) : NULL;
  events->next++;
  if (events->next - events->first > RING_SIZE)
    events->first++;
  json_object_put (data);
  pthread_cond_broadcast (&events->came);
}

void
event_tell_created (struct events *events, const char *domain,
                    const char *checkpoint, const char *how)
{
  json_object *data = json_object_new_object ();

  json_add_text (data, "checkpoint", checkpoint);
  json_add_text (data, "how", how);
  event_emit (events, domain, EVENT_CHECKPOINT_CREATED, data);
}

void
event_tell_deleted (struct events *events, const char *domain,
                    const char *const *checkpoints, bool metadata)
{
  for (; *checkpoints; checkpoints++) {
    json_object *data = json_object_new_object ();

    json_add_text (data, "checkpoint", *checkpoints);
    json_add_bool (data, "metadata_only", metadata);
    event_emit (events, domain, EVENT_CHECKPOINT_DELETED, data);
  }
}

static json_object *
describe (const struct event *event, int64_t number)
{
  json_object *json = json_object_new_object ();

  json_add_number (json, "number", number);
  json_add_number (json, "time", event->when.tv_sec);
  json_add_number (json, "microseconds", event->when.tv_nsec / 1000);
  json_add_text (json, "domain", event->domain);
  json_add_text (json, "event", names[event->kind]);
  json_object_object_add (json, "data", json_tokener_parse (event->data));
  return json;
}

/* Adds those of the domain with numbers from *from on, which goes past them. */
static void
collect (const struct events *events, const char *domain, int64_t *from,
         json_object *list)
{
  for (; *from < events->next; (*from)++) {
    const struct event *event = &events->ring[*from % RING_SIZE];

    if (event->domain && event->data &&
        (domain == NULL || strcmp (domain, event->domain) == 0))
      json_object_array_add (list, describe (event, *from));
  }
}

/* Until there is one in the list, or the time is over.  Under the lock. */
static void
wait_for_some (struct events *events, const struct events_query *query,
               int64_t *from, json_object *list)
{
  struct timespec until;

  clock_gettime (CLOCK_MONOTONIC, &until);
  until.tv_sec += query->wait;
  events->nr_waiting++;
  while (json_object_array_length (list) == 0 && !events->closed &&
         pthread_cond_timedwait (&events->came, &events->lock, &until) !=
             ETIMEDOUT)
    collect (events, query->domain, from, list);
  events->nr_waiting--;
}

json_object *
events_wait (struct events *events, const struct events_query *query)
{
  LOCK_IN_SCOPE (&events->lock);
  json_object *reply, *list;
  int64_t from = query->since_given ? query->since + 1 : events->next;
  /* Also a number that is not to come for long was an earlier daemon's. */
  bool lost = from < events->first || from > events->next;

  if (query->wait && events->nr_waiting >= MAX_WAITING) {
    fail (ERROR_CONFLICT,
          "%d clients wait for events already; ask without 'wait'",
          MAX_WAITING);
    return NULL;
  }
  if (lost)
    from = events->first;
  list = json_object_new_array ();
  collect (events, query->domain, &from, list);
  if (query->wait)
    wait_for_some (events, query, &from, list);
  reply = json_object_new_object ();
  json_object_object_add (reply, "events", list);
  json_add_number (reply, "next", from - 1);
  json_add_bool (reply, "lost", lost && query->since != 0);
  return reply;
}
