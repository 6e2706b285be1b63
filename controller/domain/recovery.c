/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes up a backup by its journal, or takes it down in the order of any other
 * end. */

#include <config.h>

#include <string.h>

#include "common/cleanup.h"
#include "controller/capture/capture.h"
#include "controller/common/error.h"
#include "controller/datapath/datapath.h"
#include "controller/domain/bitmaps.h"
#include "controller/domain/job_kind.h"
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

/* Whether the checkpoint was made.  The name alone does not tell: one of
 * another generation may have it.  -1: reported. */
static int
is_committed (const char *state, const char *domain,
              const struct checkpoint *provisional)
{
  CLEANUP_CHECKPOINT struct checkpoint *known =
      catalogue_checkpoint (state, domain, provisional->name);

  if (known == NULL)
    return error_kind () == ERROR_NOT_FOUND ? 0 : -1;
  return known->generation && provisional->generation &&
         strcmp (known->generation, provisional->generation) == 0;
}

/* The bitmaps of a checkpoint that has no metadata were provisional. */
static int
remove_provisional (json_object *json, const char *state,
                    const struct domain_record *domain, struct qmp *qmp)
{
  CLEANUP_CHECKPOINT struct checkpoint *provisional = NULL;
  const struct checkpoint *list[2] = { NULL, NULL };
  const char *xml = qmp_string (json, "checkpoint");
  int committed;

  if (xml == NULL)
    return 0;
  provisional = checkpoint_parse (xml, strlen (xml));
  if (provisional == NULL)
    return -1;
  committed = is_committed (state, domain->name, provisional);
  if (committed != 0)
    return committed == 1 ? 0 : -1;
  list[0] = provisional;
  return bitmaps_remove (qmp, list, domain);
}

/* The order is that of any other end. */
static int
take_down (json_object *json, const char *state,
           const struct domain_record *domain, struct qmp *qmp)
{
  const char *job = qmp_string (json, "job");

  if (job == NULL)
    return fail (ERROR_SYSTEM, "the journal of domain '%s' names no job",
                 domain->name);
  if (capture_recover_exports (qmp, job) == -1)
    return -1;
  end_datapath (json);
  if (capture_recover (qmp, job) == -1)
    return -1;
  remove_files (json);
  return remove_provisional (json, state, domain, qmp);
}

static int
take_down_what_is_left (json_object *json, const char *state,
                        const struct domain_record *domain)
{
  CLEANUP_QMP struct qmp *qmp = qmp_connect (domain->qmp, NULL, NULL);

  if (qmp == NULL) {
    /* With its monitor in use QEMU lives, and nobody may close before it. */
    if (monitor_is_gone (domain->qmp)) {
      end_datapath (json);
      remove_files (json);
    }
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
