/* SPDX-License-Identifier: BSD-3-Clause */
/* Lets a test drive the QMP client, the disk inventory and the capture: one
 * JSON request a line on standard input, one JSON answer a line on standard
 * output,
 * {"return": ...} or {"error": TEXT, "kind": N}.
 *
 *   driver QMP-SOCKET */

#include <config.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/disks/disks.h"
#include "controller/qmp/qmp.h"
#include "tests/capture/driver.h"

/* Names of the events that came, for "events"; written by the reader thread. */
static pthread_mutex_t events_lock = PTHREAD_MUTEX_INITIALIZER;
static json_object *events;

static void
on_event (void *opaque, const char *event, json_object *data)
{
  (void) opaque;
  pthread_mutex_lock (&events_lock);
  json_object_array_add (events, json_object_new_string (event));
  pthread_mutex_unlock (&events_lock);
  driver_capture_event (event, data);
}

const char *
driver_text (json_object *request, const char *key)
{
  json_object *value;

  if (!json_object_object_get_ex (request, key, &value) || !value)
    return NULL;
  return json_object_get_string (value);
}

static int64_t
number (json_object *request, const char *key)
{
  json_object *value;

  return json_object_object_get_ex (request, key, &value)
             ? json_object_get_int64 (value)
             : 0;
}

static json_object *
string_or_null (const char *text)
{
  return text ? json_object_new_string (text) : NULL;
}

static int
do_execute (struct qmp *qmp, json_object *request, json_object **reply)
{
  json_object *arguments = NULL;

  json_object_object_get_ex (request, "arguments", &arguments);
  return qmp_execute (qmp, driver_text (request, "command"),
                      json_object_get (arguments), reply);
}

/* {"commands": [[NAME, ARGUMENTS], ...]}: all at once; the results, and the
 * error with its index if there is one. */
static int
do_pipeline (struct qmp *qmp, json_object *request, json_object **reply)
{
  json_object *list, *results = json_object_new_array ();
  struct qmp_command commands[64];
  size_t count, failed;

  json_object_object_get_ex (request, "commands", &list);
  count = json_object_array_length (list);
  for (size_t i = 0; i < count && i < 64; i++) {
    json_object *command = json_object_array_get_idx (list, i);

    commands[i].name =
        json_object_get_string (json_object_array_get_idx (command, 0));
    commands[i].arguments =
        json_object_get (json_object_array_get_idx (command, 1));
  }
  *reply = json_object_new_object ();
  if (qmp_execute_all (qmp, commands, count, &failed) < 0) {
    json_object_object_add (*reply, "failed", json_object_new_uint64 (failed));
    json_object_object_add (*reply, "error",
                            json_object_new_string (error_message ()));
  }
  for (size_t i = 0; i < count; i++)
    json_object_array_add (results, commands[i].result);
  json_object_object_add (*reply, "results", results);
  return 0;
}

static int
do_can (struct qmp *qmp, json_object *request, json_object **reply)
{
  int can = qmp_can (qmp, driver_text (request, "command"),
                     driver_text (request, "variant"),
                     driver_text (request, "member"));

  *reply = can < 0 ? NULL : json_object_new_boolean (can);
  return can < 0 ? -1 : 0;
}

/* Over a connection of its own to the monitor at "path". */
static int
do_can_at (struct qmp *qmp, json_object *request, json_object **reply)
{
  CLEANUP_QMP struct qmp *other =
      qmp_connect (driver_text (request, "path"), NULL, NULL);

  (void) qmp;
  return other ? do_can (other, request, reply) : -1;
}

static unsigned long mark;

static int
do_mark (struct qmp *qmp, json_object *request, json_object **reply)
{
  (void) request;
  mark = qmp_event_mark (qmp);
  *reply = NULL;
  return 0;
}

static int
do_wait (struct qmp *qmp, json_object *request, json_object **reply)
{
  return qmp_wait_event (
      qmp, &mark, driver_text (request, "event"), driver_text (request, "key"),
      driver_text (request, "value"), (int) number (request, "timeout"), reply);
}

static int
do_events (struct qmp *qmp, json_object *request, json_object **reply)
{
  (void) qmp;
  (void) request;
  pthread_mutex_lock (&events_lock);
  *reply = events;
  events = json_object_new_array ();
  pthread_mutex_unlock (&events_lock);
  return 0;
}

static int
do_version (struct qmp *qmp, json_object *request, json_object **reply)
{
  (void) request;
  *reply = json_object_new_object ();
  json_object_object_add (*reply, "number",
                          json_object_new_int (qmp_version (qmp)));
  json_object_object_add (*reply, "text",
                          json_object_new_string (qmp_version_text (qmp)));
  return 0;
}

static json_object *
bitmap_to_json (const struct disk *disk, const struct disk_bitmap *bitmap)
{
  json_object *object = json_object_new_object ();

  json_object_object_add (object, "count",
                          json_object_new_uint64 (bitmap->count));
  json_object_object_add (object, "granularity",
                          json_object_new_uint64 (bitmap->granularity));
  json_object_object_add (object, "recording",
                          json_object_new_boolean (bitmap->recording));
  json_object_object_add (object, "persistent",
                          json_object_new_boolean (bitmap->persistent));
  json_object_object_add (
      object, "unusable",
      string_or_null (disk_bitmap_unusable (disk, bitmap->name)));
  return object;
}

static json_object *
disk_to_json (const struct disk *disk)
{
  json_object *object = json_object_new_object ();
  json_object *bitmaps = json_object_new_object ();

  json_object_object_add (object, "node", string_or_null (disk->node));
  json_object_object_add (object, "top", string_or_null (disk->top));
  json_object_object_add (object, "qdev", string_or_null (disk->qdev));
  json_object_object_add (object, "file", string_or_null (disk->file));
  json_object_object_add (object, "format", string_or_null (disk->format));
  json_object_object_add (object, "reason", string_or_null (disk->reason));
  json_object_object_add (object, "size", json_object_new_uint64 (disk->size));
  json_object_object_add (object, "iothread",
                          json_object_new_boolean (disk->iothread));
  json_object_object_add (object, "persistent",
                          json_object_new_boolean (disk->persistent));
  for (size_t i = 0; i < disk->nr_bitmaps; i++)
    json_object_object_add (bitmaps, disk->bitmaps[i].name,
                            bitmap_to_json (disk, &disk->bitmaps[i]));
  json_object_object_add (object, "bitmaps", bitmaps);
  return object;
}

/* {"names": [[NAME, DEVICE], ...]} */
static int
do_disks (struct qmp *qmp, json_object *request, json_object **reply)
{
  struct disk_name names[16];
  size_t nr_names = 0;
  json_object *list;
  CLEANUP_DISK_LIST struct disk_list *disks = NULL;

  if (json_object_object_get_ex (request, "names", &list))
    for (; nr_names < json_object_array_length (list) && nr_names < 16;
         nr_names++) {
      json_object *pair = json_object_array_get_idx (list, nr_names);

      names[nr_names].name =
          json_object_get_string (json_object_array_get_idx (pair, 0));
      names[nr_names].device =
          json_object_get_string (json_object_array_get_idx (pair, 1));
    }
  disks = disks_query (qmp, names, nr_names);
  if (!disks)
    return -1;
  *reply = json_object_new_object ();
  for (size_t i = 0; i < disks->nr_disks; i++)
    json_object_object_add (*reply, disks->disks[i].name,
                            disk_to_json (&disks->disks[i]));
  return 0;
}

static const struct {
  const char *name;
  int (*function) (struct qmp *, json_object *, json_object **);
} actions[] = {
  { "execute", do_execute },
  { "pipeline", do_pipeline },
  { "can", do_can },
  { "can-at", do_can_at },
  { "mark", do_mark },
  { "wait", do_wait },
  { "events", do_events },
  { "version", do_version },
  { "disks", do_disks },
  { "inventory", driver_inventory },
  { "begin", driver_begin },
  { "broken", driver_broken },
  { "stop-exports", driver_stop_exports },
  { "end", driver_end },
  { "free", driver_free },
};

static int
perform (struct qmp *qmp, json_object *request, json_object **reply)
{
  const char *action = driver_text (request, "do");

  for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
    if (action && strcmp (actions[i].name, action) == 0)
      return actions[i].function (qmp, request, reply);
  return fail (ERROR_INVALID, "no such action: %s", action ? action : "");
}

static void
answer (int r, json_object *reply)
{
  json_object *object = json_object_new_object ();

  if (r < 0) {
    json_object_object_add (object, "error",
                            json_object_new_string (error_message ()));
    json_object_object_add (object, "kind",
                            json_object_new_int (error_kind ()));
  }
  else
    json_object_object_add (object, "return", reply);
  puts (json_object_to_json_string_ext (object, JSON_C_TO_STRING_PLAIN));
  fflush (stdout);
  json_object_put (object);
}

int
main (int argc, char *argv[])
{
  CLEANUP_QMP struct qmp *qmp = NULL;
  CLEANUP_FREE char *line = NULL;
  size_t size = 0;

  if (argc != 2)
    return 2;
  events = json_object_new_array ();
  qmp = qmp_connect (argv[1], on_event, NULL);
  answer (qmp ? 0 : -1, NULL);
  while (qmp && getline (&line, &size, stdin) > 0) {
    json_object *request = json_tokener_parse (line), *reply = NULL;
    int r = perform (qmp, request, &reply);

    answer (r, reply);
    json_object_put (request);
  }
  driver_free (NULL, NULL, NULL);
  qmp_close (STEAL (qmp));
  json_object_put (events);
  return 0;
}
