/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans where the data of a pull backup go: each disk's export and its scratch
 * file. */

#include <config.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/plan.h"
#include "controller/formats/names.h"

int
plan_set_text (char **to, const char *text)
{
  if (*to)
    return 0;
  *to = strdup (text);
  return *to ? 0 : fail_errno (ERROR_SYSTEM, "backup");
}

static int
check_given_scratch (const struct backup_disk *requested)
{
  if (requested->scratch_is_device)
    return fail (ERROR_UNSUPPORTED,
                 "disk '%s': a block device as scratch is not supported; name "
                 "a file that does not exist",
                 requested->name);
  if (access (requested->scratch, F_OK) == 0)
    return fail (ERROR_CONFLICT,
                 "disk '%s': the scratch file '%s' exists already; remove it "
                 "or name another one",
                 requested->name, requested->scratch);
  return 0;
}

/* A disk without a base is captured in full: else nothing of it could be
 * pulled. */
static int
choose_changes_only (struct plan_disk *disk)
{
  disk->changes_only = disk->fallback == NULL && disk->nr_change_maps > 0;
  if (disk->changes_only || disk->fallback)
    return 0;
  return plan_set_text (&disk->fallback,
                        "no checkpoint that is kept tells what changed");
}

/* What the document leaves open is chosen here and stays in it, so that the
 * document that is given back says it. */
static int
complete (const struct plan *plan, const struct plan_request *request,
          struct backup_disk *requested, struct plan_disk *disk)
{
  CLEANUP_FREE char *bitmap = NULL;

  (void) plan;

  if (requested->scratch && check_given_scratch (requested) == -1)
    return -1;
  if (requested->scratch == NULL &&
      (requested->scratch = scratch_choose (request, requested->name)) == NULL)
    return -1;
  if (asprintf (&bitmap, "backup-%s", requested->name) == -1) {
    bitmap = NULL;
    return fail_errno (ERROR_SYSTEM, "backup");
  }
  if (plan_set_text (&requested->export_name, requested->name) == -1 ||
      plan_set_text (&requested->export_bitmap, bitmap) == -1)
    return -1;
  if (name_check ("export", requested->export_name) == -1 ||
      name_check ("export bitmap", requested->export_bitmap) == -1)
    return -1;
  if (request->changes_only && choose_changes_only (disk) == -1)
    return -1;
  return plan_set_text (&disk->export_name, requested->export_name) == -1 ||
                 plan_set_text (&disk->export_bitmap,
                                requested->export_bitmap) == -1 ||
                 plan_set_text (&disk->scratch, requested->scratch) == -1
             ? -1
             : 0;
}

/* A full backup is not what was asked for. */
static int
check_changes_only (const struct plan *plan)
{
  size_t i;

  for (i = 0; i < plan->nr_disks; i++)
    if (plan->disks[i].changes_only)
      return 0;
  return fail (ERROR_CONFLICT,
               "no disk has a base to which only changes could be pulled (disk "
               "'%s': %s); make a full backup with a checkpoint first",
               plan->disks[0].disk->name, plan->disks[0].fallback);
}

static int
check (const struct plan *plan, const struct plan_request *request)
{
  size_t i, j;

  if ((request->changes_only && check_changes_only (plan) == -1) ||
      scratch_check (plan, request) == -1)
    return -1;
  for (i = 0; i < plan->nr_disks; i++) {
    for (j = 0; j < i; j++) {
      if (strcmp (plan->disks[i].export_name, plan->disks[j].export_name) == 0)
        return fail (ERROR_INVALID,
                     "two disks cannot share the export name '%s'",
                     plan->disks[i].export_name);
    }
  }
  return 0;
}

const struct plan_steps plan_pull = {
  .complete = complete,
  .check = check,
};
