/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes up a backup by its journal, or takes it down in the order of any other
 * end. */

#include <config.h>

#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "controller/capture/capture.h"
#include "controller/common/error.h"
#include "controller/datapath/datapath.h"
#include "controller/domain/bitmaps.h"
#include "controller/domain/job-kind.h"
#include "controller/domain/journal.h"
#include "controller/domain/json.h"
#include "controller/domain/monitor.h"
#include "controller/domain/recovery.h"
#include "controller/qmp/json.h"

static void
end_datapath (json_object *json)
{
  const char *folder = qmp_string (json, "folder");

  if (folder)
    datapath_stop_found (folder, qmp_string (json, "socket"));
}

static void
remove_files (json_object *json)
{
  json_object *list = qmp_list (json, "files");
  const size_t length = qmp_length (list);
  size_t i;

  for (i = 0; i < length; i++)
    unlink (json_object_get_string (json_object_array_get_idx (list, i)));
}

/* Targets of a push that were made for it, unless somebody else's file has the
 * name by now. */
static void
remove_made (json_object *json)
{
  json_object *list = qmp_list (json, "made");
  const size_t length = qmp_length (list);
  size_t i;

  for (i = 0; i < length; i++) {
    json_object *entry = json_object_array_get_idx (list, i);
    const char *path = qmp_string (entry, "path");
    struct stat status;

    if (path && lstat (path, &status) == 0 &&
        status.st_dev == qmp_get_number (entry, "device") &&
        status.st_ino == qmp_get_number (entry, "inode"))
      unlink (path);
  }
}

/* The checkpoint that the backup was to make; *provisional NULL: none, or it
 * was made.  The name alone does not tell: one of another generation may have
 * it. -1: reported. */
static int
find_provisional (json_object *json, const char *state, const char *domain,
                  struct checkpoint **provisional, bool *committed)
{
  CLEANUP_CHECKPOINT struct checkpoint *planned = NULL;
  CLEANUP_CHECKPOINT struct checkpoint *known = NULL;
  const char *xml = qmp_string (json, "checkpoint");

  *provisional = NULL;
  *committed = false;
  if (xml == NULL)
    return 0;
  planned = checkpoint_parse (xml, strlen (xml));
  if (planned == NULL)
    return -1;
  known = catalogue_checkpoint (state, domain, planned->name);
  if (known == NULL && error_kind () != ERROR_NOT_FOUND)
    return -1;
  *committed = known && known->generation && planned->generation &&
               strcmp (known->generation, planned->generation) == 0;
  if (!*committed)
    *provisional = STEAL (planned);
  return 0;
}

/* All that is not in QEMU. */
static void
remove_outside (json_object *json, bool committed)
{
  end_datapath (json);
  remove_files (json);
  if (!committed)
    remove_made (json);
}

/* The order is that of any other end. */
static int
take_down (json_object *json, const char *state,
           const struct domain_record *domain, struct qmp *qmp)
{
  CLEANUP_CHECKPOINT struct checkpoint *provisional = NULL;
  const char *job = qmp_string (json, "job");
  bool committed;

  if (job == NULL)
    return fail (ERROR_SYSTEM, "the journal of domain '%s' names no job",
                 domain->name);
  if (find_provisional (json, state, domain->name, &provisional, &committed) ==
          -1 ||
      capture_recover_exports (qmp, job) == -1)
    return -1;
  end_datapath (json);
  if (capture_recover (qmp, job) == -1)
    return -1;
  remove_outside (json, committed);
  if (provisional == NULL)
    return 0;
  const struct checkpoint *list[2] = { provisional, NULL };
  return bitmaps_remove (qmp, list, domain);
}

/* The error stays. */
static void
take_down_outside (json_object *json, const char *state,
                   const struct domain_record *domain)
{
  CLEANUP_FREE char *error = strdup (error_message ());
  CLEANUP_CHECKPOINT struct checkpoint *provisional = NULL;
  enum error_kind kind = error_kind ();
  bool committed;

  if (find_provisional (json, state, domain->name, &provisional, &committed) ==
      0)
    remove_outside (json, committed);
  fail (kind, "%s", error ? error : "out of memory");
}

static int
take_down_what_is_left (json_object *json, const char *state,
                        const struct domain_record *domain)
{
  CLEANUP_QMP struct qmp *qmp = qmp_connect (domain->qmp, NULL, NULL);

  if (qmp == NULL) {
    /* With its monitor in use QEMU lives, and nobody may close before it. */
    if (monitor_is_gone (domain->qmp))
      take_down_outside (json, state, domain);
    return -1;
  }
  log_line ("what an unfinished backup of domain '%s' has left is taken down",
            domain->name);
  if (take_down (json, state, domain, qmp) == -1)
    return -1;
  journal_remove (state, domain->name);
  return 0;
}

int
job_take_down (const char *state, const struct domain_record *domain)
{
  CLEANUP_JSON json_object *json = journal_read (state, domain->name);

  return json ? take_down_what_is_left (json, state, domain) : -1;
}

int
job_recover (const struct job_request *request, struct job **job)
{
  CLEANUP_JSON json_object *json =
      journal_read (request->state, request->domain->name);
  bool reached = true;

  *job = NULL;
  if (json == NULL)
    return -1;
  if (qmp_string_is (json, "phase", "running"))
    *job = job_take_up (request, json, &reached);
  if (*job)
    return 0;
  /* A QEMU that does not answer now may still have it. */
  if (!reached && !monitor_is_gone (request->domain->qmp))
    return -1;
  if (qmp_string_is (json, "phase", "running") && reached)
    log_line ("the backup of domain '%s' cannot be taken up again: %s",
              request->domain->name, error_message ());
  return take_down_what_is_left (json, request->state, request->domain);
}
