/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds what a capture left in QEMU when its process died, by the names that
 * captures give, and undoes it in the order of any other end. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/capture/internal.h"
#include "controller/common/error.h"
#include "controller/disks/nodes.h"
#include "controller/qmp/json.h"

static void
cleanup_undo_list (struct undo_list *list)
{
  undo_truncate (list, 0);
  free (list->entries);
}
#define CLEANUP_UNDO_LIST __attribute__ ((cleanup (cleanup_undo_list)))

/* Whether a name is JOB-<number><suffix>, as name_disk makes them. */
static bool
is_ours (const char *name, const char *job, const char *suffix)
{
  size_t length = strlen (job);

  if (!name || strncmp (name, job, length) != 0 || name[length] != '-')
    return false;
  name += length + 1;
  length = strspn (name, "0123456789");
  return length > 0 && strcmp (name + length, suffix) == 0;
}

/* Notes each entry of the list whose 'key' is a name of ours. */
static int
note_listed (struct undo_list *left, enum undo_kind kind, json_object *list,
             const char *key, const char *job, const char *suffix)
{
  for (size_t i = 0; i < qmp_length (list); i++) {
    const char *name = qmp_string (json_object_array_get_idx (list, i), key);

    if (is_ours (name, job, suffix) && undo_push (left, kind, name, NULL) < 0)
      return -1;
  }
  return 0;
}

static int
note_queried (struct qmp *qmp, struct undo_list *left, enum undo_kind kind,
              const char *command, const char *job)
{
  json_object *list;
  int r;

  if (qmp_execute (qmp, command, NULL, &list) < 0)
    return -1;
  r = note_listed (left, kind, list, "id", job, "");
  /* The export by which what is clean is left out. */
  if (r == 0)
    r = note_listed (left, kind, list, "id", job, "-changes");
  json_object_put (list);
  return r;
}

static int
note_nodes (struct undo_list *left, const struct disk_nodes *nodes,
            const char *job, const char *suffix)
{
  return note_listed (left, UNDO_NODE, nodes->nodes, "node-name", job, suffix);
}

/* The image below a node for the scratch file is what is to be unlinked. */
static int
note_files (struct undo_list *left, const struct disk_nodes *nodes,
            const char *job)
{
  for (size_t i = 0; i < qmp_length (nodes->nodes); i++) {
    json_object *node = json_object_array_get_idx (nodes->nodes, i);
    const char *file = qmp_string (node, "file");

    if (is_ours (qmp_string (node, "node-name"), job, "-file") && file &&
        undo_push (left, UNDO_FILE, file, NULL) < 0)
      return -1;
  }
  return 0;
}

/* An earlier daemon gave them longer names. */
static bool
is_filter (const char *node, const char *job)
{
  return is_ours (node, job, "-f") || is_ours (node, job, "-filter");
}

static int
note_filters (struct undo_list *left, const struct disk_nodes *nodes,
              const char *job)
{
  return note_nodes (left, nodes, job, "-f") < 0
             ? -1
             : note_nodes (left, nodes, job, "-filter");
}

/* Devices that still use a filter of ours.  One that a job inserted goes with
 * the job. */
static int
note_devices (struct qmp *qmp, struct undo_list *left, const char *job)
{
  CLEANUP_DISK_LIST struct disk_list *disks = disks_query (qmp, NULL, 0);

  if (!disks)
    return -1;
  for (size_t i = 0; i < disks->nr_disks; i++) {
    const struct disk *disk = &disks->disks[i];

    if (!is_filter (disk->top, job))
      continue;
    if (!disk->qdev)
      return fail (ERROR_QEMU,
                   "disk '%s' is still under the filter '%s', and has no "
                   "device that could be told otherwise",
                   disk->name, disk->top);
    if (undo_push (left, UNDO_DEVICE, disk->top, disk->qdev) < 0)
      return -1;
  }
  return 0;
}

static bool
has_target (const struct disk_nodes *nodes, const char *job)
{
  for (size_t i = 0; i < qmp_length (nodes->nodes); i++)
    if (is_ours (qmp_string (json_object_array_get_idx (nodes->nodes, i),
                             "node-name"),
                 job, "-storage"))
      return true;
  return false;
}

/* What is noted last is undone first. */
static int
note_all (struct qmp *qmp, struct undo_list *left, struct disk_nodes *nodes,
          const char *job)
{
  size_t before_jobs;
  bool pushed;

  /* It goes when all else has gone, the server included. */
  if (note_nodes (left, nodes, job, "-server") < 0 ||
      note_files (left, nodes, job) < 0 ||
      note_nodes (left, nodes, job, "-file") < 0 ||
      note_nodes (left, nodes, job, "-overlay") < 0 ||
      note_nodes (left, nodes, job, "-storage") < 0 ||
      note_nodes (left, nodes, job, "-target") < 0)
    return -1;
  pushed = has_target (nodes, job);
  before_jobs = left->nr_entries;
  if (note_queried (qmp, left, UNDO_JOB, "query-jobs", job) < 0)
    return -1;
  /* A filter that a job made goes with the job. */
  if (left->nr_entries == before_jobs && (note_filters (left, nodes, job) < 0 ||
                                          note_devices (qmp, left, job) < 0))
    return -1;
  if (note_nodes (left, nodes, job, "-a") < 0 ||
      note_nodes (left, nodes, job, "-access") < 0)
    return -1;
  /* The server is ours only if something else of ours is there, and a push has
   * none. */
  if (left->nr_entries > 0 && !pushed &&
      undo_push (left, UNDO_SERVER, job, NULL) < 0)
    return -1;
  return note_queried (qmp, left, UNDO_CLIENTS, "query-block-exports", job);
}

/* The guest goes on first, if the process died while it stood still. */
static int
end_pause (struct qmp *qmp, struct undo_list *left,
           const struct disk_nodes *nodes, const char *job)
{
  size_t before = left->nr_entries;

  if (note_nodes (left, nodes, job, "-pause") < 0)
    return -1;
  return left->nr_entries > before ? qmp_execute (qmp, "cont", NULL, NULL) : 0;
}

int
capture_recover_exports (struct qmp *qmp, const char *job)
{
  CLEANUP_UNDO_LIST struct undo_list left = { 0 };

  if (note_queried (qmp, &left, UNDO_EXPORT, "query-block-exports", job) < 0)
    return -1;
  return undo_run (qmp, &left, UNDO_ALL);
}

int
capture_recover (struct qmp *qmp, const char *job)
{
  CLEANUP_UNDO_LIST struct undo_list left = { 0 };
  CLEANUP_DISK_NODES struct disk_nodes nodes = { NULL, NULL };

  if (disk_nodes_query (qmp, &nodes) < 0 ||
      end_pause (qmp, &left, &nodes, job) < 0 ||
      note_all (qmp, &left, &nodes, job) < 0)
    return -1;
  return undo_run (qmp, &left, UNDO_ALL);
}
