/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring of the last events.  Its owner holds the connection's lock. */

#include <config.h>

#include "controller/qmp/internal.h"

void
qmp_events_push (struct qmp_events *events, json_object *message)
{
  json_object **place = &events->messages[events->count % QMP_EVENTS_KEPT];

  json_object_put (*place);
  *place = json_object_get (message);
  events->count++;
}

static bool
fits (json_object *message, const char *event, const char *key,
      const char *value)
{
  json_object *data;

  if (!qmp_string_is (message, "event", event))
    return false;
  return !value || (json_object_object_get_ex (message, "data", &data) &&
                    qmp_string_is (data, key, value));
}

json_object *
qmp_events_find (const struct qmp_events *events, unsigned long *since,
                 const char *event, const char *key, const char *value)
{
  if (events->count - *since > QMP_EVENTS_KEPT)
    *since = events->count - QMP_EVENTS_KEPT;
  for (; *since < events->count; (*since)++) {
    json_object *message = events->messages[*since % QMP_EVENTS_KEPT];

    if (fits (message, event, key, value))
      return message;
  }
  return NULL;
}

void
qmp_events_clear (struct qmp_events *events)
{
  for (size_t i = 0; i < QMP_EVENTS_KEPT; i++)
    json_object_put (events->messages[i]);
}
