/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the record of a running backup, and after a crash takes down what it
 * names. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/bitmaps.h"
#include "controller/domain/journal.h"
#include "controller/domain/json.h"
#include "controller/domain/monitor.h"

/* A journal is far smaller than a document's limit for each of its disks. */
#define MAX_JOURNAL             (4 * 1024 * 1024)
#define MILLISECONDS_TO_BE_GONE 5000

static char *
journal_path (const char *state, const char *domain)
{
  char *path;

  if (asprintf (&path, "%s/domains/%s/job.json", state, domain) == -1) {
    fail_errno (ERROR_SYSTEM, "journal");
    return NULL;
  }
  return path;
}

/* When the process started, in clock ticks since boot (proc(5), field 22): with
 * it a number means this process and no later one.  -1: there is none. */
static int64_t
start_time (pid_t pid)
{
  CLEANUP_FCLOSE FILE *file = NULL;
  char path[64], line[1024];
  const char *rest;
  int field;

  snprintf (path, sizeof path, "/proc/%d/stat", (int) pid);
  file = fopen (path, "re");
  if (file == NULL || fgets (line, sizeof line, file) == NULL)
    return -1;
  /* The name in field 2 can have spaces and parentheses. */
  rest = strrchr (line, ')');
  for (field = 2; rest && field < 22; field++)
    rest = strchr (rest + 1, ' ');
  return rest ? strtoll (rest + 1, NULL, 10) : -1;
}

static json_object *
describe_processes (const pid_t *processes, size_t nr_processes)
{
  json_object *list = json_object_new_array ();
  size_t i;

  for (i = 0; i < nr_processes; i++) {
    json_object *entry = json_object_new_object ();

    json_add_number (entry, "pid", processes[i]);
    json_add_number (entry, "start", start_time (processes[i]));
    json_object_array_add (list, entry);
  }
  return list;
}

int
journal_write (const char *state, const char *domain, const char *job,
               const struct plan *plan, const pid_t *processes,
               size_t nr_processes, const char *const *sockets,
               size_t nr_sockets)
{
  CLEANUP_JSON json_object *json = json_object_new_object ();
  CLEANUP_FREE char *path = journal_path (state, domain);
  CLEANUP_FREE char *xml = NULL;
  json_object *files = json_object_new_array ();
  const char *text;
  size_t i;

  json_object_object_add (json, "files", files);
  json_add_text (json, "job", job);
  if (path == NULL)
    return -1;
  if (plan->checkpoint && !(xml = checkpoint_format (plan->checkpoint)))
    return -1;
  json_add_text (json, "checkpoint", xml);
  for (i = 0; i < plan->nr_disks; i++)
    if (plan->disks[i].scratch)
      json_object_array_add (files,
                             json_object_new_string (plan->disks[i].scratch));
  for (i = 0; i < nr_sockets; i++)
    json_object_array_add (files, json_object_new_string (sockets[i]));
  json_object_object_add (json, "processes",
                          describe_processes (processes, nr_processes));
  text = json_object_to_json_string_ext (json, JSON_C_TO_STRING_PLAIN);
  return write_file_atomically (path, text, strlen (text));
}

void
journal_remove (const char *state, const char *domain)
{
  CLEANUP_FREE char *path = journal_path (state, domain);

  if (path && unlink (path) == -1 && errno != ENOENT)
    log_line ("cannot remove '%s': %s", path, strerror (errno));
}

bool
journal_exists (const char *state, const char *domain)
{
  CLEANUP_FREE char *path = journal_path (state, domain);

  return path && access (path, F_OK) == 0;
}

static json_object *
journal_read (const char *state, const char *domain)
{
  CLEANUP_FREE char *path = journal_path (state, domain);
  CLEANUP_FREE char *text = malloc (MAX_JOURNAL);
  CLEANUP_FCLOSE FILE *file = path && text ? fopen (path, "re") : NULL;
  json_object *json = NULL;
  size_t size;

  if (file == NULL) {
    fail_errno (ERROR_SYSTEM, "cannot read '%s'", path ? path : domain);
    return NULL;
  }
  size = fread (text, 1, MAX_JOURNAL - 1, file);
  text[size] = '\0';
  json = json_tokener_parse (text);
  if (!json_object_is_type (json, json_type_object)) {
    json_object_put (json);
    fail (ERROR_SYSTEM,
          "'%s' is damaged; remove it when no backup of '%s' is "
          "left in QEMU",
          path, domain);
    return NULL;
  }
  return json;
}

/* Ends the process if it is still the one that was meant. */
static void
end_process (json_object *entry)
{
  CLEANUP_CLOSE int pidfd = -1;
  struct pollfd gone;
  json_object *pid, *start;

  if (!json_object_object_get_ex (entry, "pid", &pid) ||
      !json_object_object_get_ex (entry, "start", &start) ||
      json_object_get_int (pid) <= 1)
    return;
  /* First a hold on the process, then the question which one it is. */
  pidfd = pidfd_open (json_object_get_int (pid), 0);
  if (pidfd == -1 ||
      start_time (json_object_get_int (pid)) != json_object_get_int64 (start))
    return;
  gone = (struct pollfd){ .fd = pidfd, .events = POLLIN };
  pidfd_send_signal (pidfd, SIGTERM, NULL, 0);
  if (poll (&gone, 1, MILLISECONDS_TO_BE_GONE) != 1)
    pidfd_send_signal (pidfd, SIGKILL, NULL, 0);
}

static json_object *
list_member (json_object *json, const char *key, size_t *length)
{
  json_object *list;

  *length = 0;
  if (json_object_object_get_ex (json, key, &list) &&
      json_object_is_type (list, json_type_array))
    *length = json_object_array_length (list);
  return list;
}

/* The relay first, as at any end; they are listed in that order. */
static void
end_processes (json_object *json)
{
  size_t length, i;
  json_object *list = list_member (json, "processes", &length);

  for (i = 0; i < length; i++)
    end_process (json_object_array_get_idx (list, i));
}

static void
remove_files (json_object *json)
{
  size_t length, i;
  json_object *list = list_member (json, "files", &length);

  for (i = 0; i < length; i++)
    unlink (json_object_get_string (json_object_array_get_idx (list, i)));
}

/* The bitmaps of a checkpoint that has no metadata were provisional. */
static int
remove_provisional (json_object *json, const char *state,
                    const struct domain_record *domain, struct qmp *qmp)
{
  CLEANUP_CHECKPOINT struct checkpoint *provisional = NULL;
  CLEANUP_CHECKPOINT struct checkpoint *committed = NULL;
  const struct checkpoint *list[2] = { NULL, NULL };
  const char *xml;

  if (json_get_text (json, "checkpoint", &xml) == -1)
    return -1;
  if (xml == NULL)
    return 0;
  provisional = checkpoint_parse (xml, strlen (xml));
  if (provisional == NULL)
    return -1;
  committed = catalogue_checkpoint (state, domain->name, provisional->name);
  if (committed)
    return 0;
  if (error_kind () != ERROR_NOT_FOUND)
    return -1;
  list[0] = provisional;
  return bitmaps_remove (qmp, list, domain);
}

/* The order is that of any other end. */
static int
take_down (json_object *json, const char *state,
           const struct domain_record *domain, struct qmp *qmp)
{
  const char *job;

  if (json_get_text (json, "job", &job) == -1)
    return -1;
  if (job == NULL)
    return fail (ERROR_SYSTEM, "the journal of domain '%s' names no job",
                 domain->name);
  if (capture_recover_exports (qmp, job) == -1)
    return -1;
  end_processes (json);
  if (capture_recover (qmp, job) == -1)
    return -1;
  remove_files (json);
  return remove_provisional (json, state, domain, qmp);
}

int
journal_recover (const char *state, const struct domain_record *domain)
{
  CLEANUP_JSON json_object *json = journal_read (state, domain->name);
  CLEANUP_QMP struct qmp *qmp = NULL;

  if (json == NULL)
    return -1;
  log_line ("what an unfinished backup of domain '%s' has left is taken down",
            domain->name);
  qmp = qmp_connect (domain->qmp, NULL, NULL);
  if (qmp == NULL) {
    /* With its monitor in use QEMU lives, and nobody may close before it. */
    if (monitor_is_gone (domain->qmp)) {
      end_processes (json);
      remove_files (json);
    }
    return -1;
  }
  if (take_down (json, state, domain, qmp) == -1)
    return -1;
  journal_remove (state, domain->name);
  return 0;
}
