/* SPDX-License-Identifier: BSD-3-Clause */
/* The test driver's requests for the capture:
 *   {"do": "begin", "method": "auto", "job": "j", "socket": PATH, "disks":
 *     [{"disk": NAME, "export": NAME, "scratch": PATH, "new": BITMAP or absent,
 *       "maps": [[CHECKPOINT, BITMAP], ...]}]}
 *   {"do": "inventory"}: of now, for the begin to come, which else reads one
 *   {"do": "stop-exports"}   {"do": "end", "keep": true}   {"do": "free"}
 *   {"do": "broken"}: what capture_broken_by said of the events so far */

#include <config.h>

#include <pthread.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/capture/capture.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"
#include "tests/capture/driver.h"

#define MAX_MAPS 8

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct capture *capture;
static struct disk_list *inventory; /* of the capture, which it must outlive */
static json_object *broken;

void
driver_capture_event (const char *event, json_object *data)
{
  CLEANUP_FREE char *reason = NULL;
  const char *disk;

  LOCK_IN_SCOPE (&lock);
  if (!capture)
    return;
  disk = capture_broken_by (capture, event, data, &reason);
  if (disk)
    broken = qmp_append (broken, qmp_object ("disk", qmp_text (disk), "reason",
                                             qmp_text (reason), NULL));
}

int
driver_broken (struct qmp *qmp, json_object *request, json_object **reply)
{
  (void) qmp;
  (void) request;
  LOCK_IN_SCOPE (&lock);
  *reply = json_object_get (broken);
  return 0;
}

int
driver_inventory (struct qmp *qmp, json_object *request, json_object **reply)
{
  driver_free (qmp, request, reply);
  inventory = disks_query (qmp, NULL, 0);
  return inventory ? 0 : -1;
}

static void
read_maps (json_object *list, struct capture_change_map *maps,
           struct capture_disk *disk)
{
  for (size_t i = 0; i < qmp_length (list) && i < MAX_MAPS; i++) {
    json_object *pair = json_object_array_get_idx (list, i);

    maps[i].checkpoint =
        json_object_get_string (json_object_array_get_idx (pair, 0));
    maps[i].bitmap =
        json_object_get_string (json_object_array_get_idx (pair, 1));
    disk->nr_change_maps = i + 1;
  }
  disk->change_maps = maps;
}

/* All steps at once; NULL: reported. */
static struct capture *
begin (struct qmp *qmp, const struct capture_request *request)
{
  struct capture *begun = capture_prepare (qmp, request);

  if (begun && capture_cut (begun) == 0 && capture_expose (begun) == 0)
    return begun;
  capture_free (begun);
  return NULL;
}

int
driver_begin (struct qmp *qmp, json_object *request, json_object **reply)
{
  json_object *list = qmp_list (request, "disks");
  size_t count = qmp_length (list);
  CLEANUP_FREE struct capture_disk *disks = calloc (count + 1, sizeof *disks);
  CLEANUP_FREE struct capture_change_map *maps =
      calloc ((count + 1) * MAX_MAPS, sizeof *maps);
  struct capture_request wanted = {
    .method = capture_method_from_name (qmp_string (request, "method")),
    .job = qmp_string (request, "job"),
    .nbd_socket = qmp_string (request, "socket"),
    .disks = disks,
    .nr_disks = count,
  };
  const struct capture_report *report;
  struct capture *begun;

  if (!disks || !maps ||
      (!inventory && driver_inventory (qmp, NULL, reply) < 0))
    return -1;
  for (size_t i = 0; i < count; i++) {
    json_object *entry = json_object_array_get_idx (list, i);

    disks[i].disk = disk_by_name (inventory, qmp_string (entry, "disk"));
    if (!disks[i].disk)
      return fail (ERROR_NOT_FOUND, "no disk %s", qmp_string (entry, "disk"));
    disks[i].export_name = qmp_string (entry, "export");
    disks[i].scratch = qmp_string (entry, "scratch");
    disks[i].new_bitmap = qmp_string (entry, "new");
    read_maps (qmp_list (entry, "maps"), maps + i * MAX_MAPS, &disks[i]);
  }
  begun = begin (qmp, &wanted);
  if (!begun) {
    disk_list_free (STEAL (inventory));
    return -1;
  }
  pthread_mutex_lock (&lock);
  capture = begun;
  pthread_mutex_unlock (&lock);
  report = capture_report (capture);
  *reply = qmp_object (
      "method", qmp_text (capture_method_name (report->method)), "promise",
      qmp_text (report->promise), "cut", qmp_number (report->cut.microseconds),
      "pause", qmp_number (report->pause_microseconds), "time",
      qmp_number (report->cut.since_epoch), NULL);
  return 0;
}

int
driver_stop_exports (struct qmp *qmp, json_object *request, json_object **reply)
{
  (void) qmp;
  (void) request;
  *reply = NULL;
  return capture_stop_exports (capture);
}

int
driver_end (struct qmp *qmp, json_object *request, json_object **reply)
{
  (void) qmp;
  *reply = NULL;
  return capture_end (capture, qmp_true (request, "keep"));
}

int
driver_free (struct qmp *qmp, json_object *request, json_object **reply)
{
  struct capture *freed;

  (void) qmp;
  (void) request;
  pthread_mutex_lock (&lock);
  freed = STEAL (capture);
  json_object_put (STEAL (broken));
  pthread_mutex_unlock (&lock);
  capture_free (freed);
  disk_list_free (STEAL (inventory));
  if (reply)
    *reply = NULL;
  return 0;
}
