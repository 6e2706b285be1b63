/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of the QMP client only: a connection, the events that were
 * kept, and the schema. */

#ifndef PULLBACK_QMP_INTERNAL_H
#define PULLBACK_QMP_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "controller/qmp/json.h"
#include "controller/qmp/qmp.h"
#include "controller/qmp/stream.h"

/* The last events, so that one that came before anybody waited is found. */
#define QMP_EVENTS_KEPT 1024
struct qmp_events {
  json_object *messages[QMP_EVENTS_KEPT];
  unsigned long count; /* of all that ever came: the mark */
};

/* Keeps a reference of its own; forgets the oldest. */
void qmp_events_push (struct qmp_events *events, json_object *message);
/* The first event since the mark '*since' that fits, else NULL; still the
 * ring's.  *since then says where to go on. */
json_object *qmp_events_find (const struct qmp_events *events,
                              unsigned long *since, const char *event,
                              const char *key, const char *value);
void qmp_events_clear (struct qmp_events *events);

struct pending;

struct qmp {
  int fd;
  char *path;
  char *identity; /* of the QEMU behind it */
  int version;
  char *version_text;
  bool reads_ahead; /* it can read commands while it executes one */
  qmp_event_handler handler;
  void *opaque;

  pthread_t reader;
  struct qmp_stream stream; /* the reader's, once it runs */

  pthread_mutex_t send_lock; /* taken before 'lock' */
  pthread_mutex_t lock;      /* of everything below */
  pthread_cond_t changed;
  struct pending *pending;
  uint64_t next_id;
  struct qmp_events events;
  char *lost;   /* why the connection is lost; NULL: it is not */
  bool closing; /* by ourselves */

  pthread_mutex_t schema_lock; /* taken before the others */
  json_object *schema;
};

/* Gives an answer, which it takes, to whom waits for it. */
void qmp_take_answer (struct qmp *qmp, json_object *message);

/* The value of query-qmp-schema by name; consumes 'schema'. */
json_object *qmp_schema_index (json_object *schema);
bool qmp_schema_knows (json_object *by_name, const char *command,
                       const char *variant, const char *member);

/* What tells one QEMU from another one on the same socket, the caller's; NULL:
 * reported. */
char *qmp_identity (const char *path, json_object *greeting);
/* What is remembered of that QEMU: 1, 0, or -1 if nothing is. */
int qmp_fact (const char *identity, const char *question);
void qmp_remember_fact (const char *identity, const char *question, bool fact);

#endif /* PULLBACK_QMP_INTERNAL_H */
