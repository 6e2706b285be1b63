/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection to a monitor: its reader thread, which gives answers and
 * events to whom they are for, and its begin and end. */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/qmp/connect.h"
#include "controller/qmp/internal.h"
#include "controller/qmp/qmp.h"

static void
take_event (struct qmp *qmp, json_object *message, const char *event)
{
  json_object *data = NULL;

  pthread_mutex_lock (&qmp->lock);
  qmp_events_push (&qmp->events, message);
  pthread_cond_broadcast (&qmp->changed);
  pthread_mutex_unlock (&qmp->lock);

  json_object_object_get_ex (message, "data", &data);
  if (qmp->handler)
    qmp->handler (qmp->opaque, event, data);
}

/* Wakes all who wait, and tells the handler unless we close ourselves. */
static void
take_loss (struct qmp *qmp, enum qmp_stream_status status)
{
  bool closing;

  pthread_mutex_lock (&qmp->lock);
  closing = qmp->closing;
  if (asprintf (&qmp->lost,
                status == STREAM_GARBAGE
                    ? "the monitor '%s' sent what is not QMP"
                    : "QEMU closed the monitor '%s': it has ended, or "
                      "the socket was taken away",
                qmp->path) < 0)
    qmp->lost = NULL;
  if (!qmp->lost)
    qmp->lost = qmp->path;
  pthread_cond_broadcast (&qmp->changed);
  pthread_mutex_unlock (&qmp->lock);
  if (qmp->handler && !closing)
    qmp->handler (qmp->opaque, "", NULL);
}

static void *
reader (void *opaque)
{
  struct qmp *qmp = opaque;
  json_object *message;
  const char *event;
  enum qmp_stream_status status;

  while ((status = qmp_stream_next (&qmp->stream, NULL, &message)) ==
         STREAM_MESSAGE) {
    event = qmp_string (message, "event");
    if (event && *event) {
      take_event (qmp, message, event);
      json_object_put (message);
    }
    else
      qmp_take_answer (qmp, message);
  }
  take_loss (qmp, status);
  return NULL;
}

unsigned long
qmp_event_mark (struct qmp *qmp)
{
  LOCK_IN_SCOPE (&qmp->lock);
  return qmp->events.count;
}

int
qmp_wait_event (struct qmp *qmp, unsigned long *since, const char *event,
                const char *key, const char *value, int timeout_ms,
                json_object **data)
{
  struct timespec deadline = qmp_deadline (timeout_ms);
  json_object *message, *found = NULL;
  int r = 0;

  LOCK_IN_SCOPE (&qmp->lock);
  while (
      !(message = qmp_events_find (&qmp->events, since, event, key, value))) {
    if (qmp->lost)
      return fail (ERROR_QEMU, "waiting for %s: %s", event, qmp->lost);
    if (r == ETIMEDOUT)
      return fail (ERROR_QEMU, "QEMU did not say %s%s%s within %d ms", event,
                   value ? " of " : "", value ? value : "", timeout_ms);
    r = pthread_cond_timedwait (&qmp->changed, &qmp->lock, &deadline);
  }
  (*since)++;
  if (data) {
    json_object_object_get_ex (message, "data", &found);
    *data = NULL;
    if (found && json_object_deep_copy (found, data, NULL) < 0)
      return fail (ERROR_SYSTEM, "out of memory");
  }
  return 0;
}

uint64_t
qmp_event_time (struct qmp *qmp, unsigned long since, const char *event)
{
  json_object *message, *time = NULL;

  LOCK_IN_SCOPE (&qmp->lock);
  message = qmp_events_find (&qmp->events, &since, event, NULL, NULL);
  if (!message || !json_object_object_get_ex (message, "timestamp", &time))
    return 0;
  return qmp_get_number (time, "seconds") * 1000000 +
         qmp_get_number (time, "microseconds");
}

int
qmp_version (struct qmp *qmp)
{
  return qmp->version;
}

const char *
qmp_version_text (struct qmp *qmp)
{
  return qmp->version_text;
}

static int
load_schema (struct qmp *qmp)
{
  json_object *schema;

  if (qmp->schema)
    return 0;
  if (qmp_execute (qmp, "query-qmp-schema", NULL, &schema) < 0)
    return -1;
  if (!json_object_is_type (schema, json_type_array)) {
    json_object_put (schema);
    return fail (ERROR_QEMU, "query-qmp-schema: the answer is not a list");
  }
  qmp->schema = qmp_schema_index (schema);
  return qmp->schema ? 0 : -1;
}

int
qmp_can (struct qmp *qmp, const char *command, const char *variant,
         const char *member)
{
  CLEANUP_FREE char *question = NULL;
  int fact;

  if (asprintf (&question, "%s %s %s", command, variant ? variant : "",
                member ? member : "") < 0) {
    question = NULL;
    return fail (ERROR_SYSTEM, "out of memory");
  }
  LOCK_IN_SCOPE (&qmp->schema_lock);
  fact = qmp_fact (qmp->identity, question);
  if (fact >= 0)
    return fact;
  if (load_schema (qmp) < 0)
    return -1;
  fact = qmp_schema_knows (qmp->schema, command, variant, member);
  qmp_remember_fact (qmp->identity, question, fact);
  return fact;
}

static int
start (struct qmp *qmp)
{
  json_object *greeting;
  pthread_condattr_t monotonic;
  int r;

  qmp->fd = qmp_socket_connect (qmp->path);
  if (qmp->fd < 0 || qmp_stream_open (&qmp->stream, qmp->fd) < 0)
    return -1;
  greeting = qmp_greeting (&qmp->stream, qmp->path);
  if (!greeting)
    return -1;
  r = qmp_greeting_version (greeting, &qmp->version, &qmp->version_text);
  if (r == 0)
    qmp->identity = qmp_identity (qmp->path, greeting);
  qmp->reads_ahead = qmp_greeting_offers_oob (greeting);
  json_object_put (greeting);
  if (r < 0 || !qmp->identity)
    return -1;
  pthread_condattr_init (&monotonic);
  pthread_condattr_setclock (&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init (&qmp->changed, &monotonic);
  pthread_condattr_destroy (&monotonic);
  errno = pthread_create (&qmp->reader, NULL, reader, qmp);
  if (errno != 0)
    return fail_errno (ERROR_SYSTEM, "cannot start a thread");
  return 0;
}

/* QEMU executes commands in their order all the same: out of band is only what
 * asks for it, by another word than "execute". */
static int
negotiate (struct qmp *qmp)
{
  json_object *wanted = NULL;

  if (qmp->reads_ahead)
    wanted = qmp_object ("enable", qmp_append (NULL, qmp_text ("oob")), NULL);
  return qmp_execute (qmp, "qmp_capabilities", wanted, NULL);
}

static void
release (struct qmp *qmp)
{
  qmp_stream_close (&qmp->stream);
  if (qmp->fd >= 0)
    close (qmp->fd);
  qmp_events_clear (&qmp->events);
  json_object_put (qmp->schema);
  if (qmp->lost != qmp->path)
    free (qmp->lost);
  free (qmp->version_text);
  free (qmp->identity);
  free (qmp->path);
  free (qmp);
}

struct qmp *
qmp_connect (const char *path, qmp_event_handler handler, void *opaque)
{
  struct qmp *qmp = calloc (1, sizeof *qmp);

  if (!qmp || !(qmp->path = strdup (path))) {
    free (qmp);
    fail (ERROR_SYSTEM, "out of memory");
    return NULL;
  }
  qmp->fd = -1;
  qmp->next_id = 1;
  qmp->handler = handler;
  qmp->opaque = opaque;
  pthread_mutex_init (&qmp->send_lock, NULL);
  pthread_mutex_init (&qmp->lock, NULL);
  pthread_mutex_init (&qmp->schema_lock, NULL);
  if (start (qmp) < 0) {
    release (qmp);
    return NULL;
  }
  if (negotiate (qmp) < 0) {
    qmp_close (qmp);
    return NULL;
  }
  return qmp;
}

void
qmp_close (struct qmp *qmp)
{
  if (!qmp)
    return;
  pthread_mutex_lock (&qmp->lock);
  qmp->closing = true;
  pthread_mutex_unlock (&qmp->lock);
  shutdown (qmp->fd, SHUT_RDWR); /* ends the reader */
  pthread_join (qmp->reader, NULL);
  release (qmp);
}
