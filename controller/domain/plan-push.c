/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans where the data of a push backup go: each disk's target. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/plan.h"

/* As libvirt does: beside the image, with the checkpoint's name or the time
 * behind its own. */
static int
choose_target (const struct plan *plan, const struct disk *disk, char **target)
{
  const char *checkpoint = plan->checkpoint ? plan->checkpoint->name : NULL;
  int r;

  if (disk->file == NULL)
    return fail (ERROR_INVALID,
                 "disk '%s' is not in a file, so that no target can be chosen "
                 "for it; name one: <target file=>",
                 disk->name);
  if (disk->file[0] != '/')
    return fail (ERROR_INVALID,
                 "disk '%s': QEMU was given '%s', which is relative to its "
                 "folder, so that no target can be chosen for it; name one: "
                 "<target file=>",
                 disk->name, disk->file);
  r = checkpoint
          ? asprintf (target, "%s.%s", disk->file, checkpoint)
          : asprintf (target, "%s.%" PRId64, disk->file, (int64_t) time (NULL));
  if (r != -1)
    return 0;
  *target = NULL;
  return fail_errno (ERROR_SYSTEM, "backup");
}

static int
check_new_file (const struct backup_disk *requested)
{
  CLEANUP_FREE char *copy = strdup (requested->target);
  const char *folder = copy ? dirname (copy) : NULL;
  struct stat status;

  if (lstat (requested->target, &status) == 0)
    return fail (ERROR_CONFLICT,
                 "disk '%s': the target '%s' exists already; name another one, "
                 "or say --reuse-external to write to what is there",
                 requested->name, requested->target);
  if (folder && (stat (folder, &status) == -1 || !S_ISDIR (status.st_mode)))
    return fail (ERROR_NOT_FOUND,
                 "disk '%s': there is no folder '%s' for the target; make it, "
                 "or name another one",
                 requested->name, folder);
  return 0;
}

/* No disk of the domain's is overwritten with itself or another. */
static int
check_not_a_disk (const struct plan *plan, const struct backup_disk *requested,
                  const struct stat *target)
{
  size_t i;

  for (i = 0; i < plan->inventory->nr_disks; i++) {
    const struct disk *disk = &plan->inventory->disks[i];
    struct stat image;

    if (disk->file && stat (disk->file, &image) == 0 &&
        image.st_dev == target->st_dev && image.st_ino == target->st_ino)
      return fail (ERROR_CONFLICT,
                   "disk '%s': the target '%s' is the image of disk '%s'; name "
                   "another one",
                   requested->name, requested->target, disk->name);
  }
  return 0;
}

static int
check_existing (const struct plan *plan, const struct backup_disk *requested)
{
  struct stat status;

  if (stat (requested->target, &status) == -1)
    return fail_errno (errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM,
                       "disk '%s': the target '%s'", requested->name,
                       requested->target);
  if (requested->target_is_device != !!S_ISBLK (status.st_mode))
    return fail (ERROR_INVALID,
                 "disk '%s': the target '%s' is %sa block device; expected "
                 "<disk type='%s'>",
                 requested->name, requested->target,
                 requested->target_is_device ? "not " : "",
                 requested->target_is_device ? "file" : "block");
  return check_not_a_disk (plan, requested, &status);
}

static int
complete (const struct plan *plan, const struct plan_request *request,
          struct backup_disk *requested, struct plan_disk *disk)
{
  if (plan_set_text (&requested->driver,
                     requested->network ? "raw" : "qcow2") == -1)
    return -1;
  /* On the network the server may keep what is not written, as qemu-nbd does
   * with an image that has a backing file. */
  if (disk->incremental && !requested->network &&
      strcmp (requested->driver, "raw") == 0)
    return fail (ERROR_INVALID,
                 "disk '%s': a target of format 'raw' cannot tell what changed "
                 "since '%s' from what did not; use 'qcow2', or a full backup",
                 requested->name, disk->incremental);
  if (requested->network)
    return 0;
  if (requested->target == NULL &&
      choose_target (plan, disk->disk, &requested->target) == -1)
    return -1;
  return requested->target_is_device || request->reuse_external
             ? check_existing (plan, requested)
             : check_new_file (requested);
}

static int
check_targets_differ (const struct plan *plan,
                      const struct plan_request *request)
{
  size_t i, j;

  (void) request;
  for (i = 0; i < plan->nr_disks; i++) {
    const char *target = plan->disks[i].requested->target;

    for (j = 0; target && j < i; j++) {
      const char *other = plan->disks[j].requested->target;

      if (other && strcmp (target, other) == 0)
        return fail (ERROR_INVALID, "two disks cannot share the target '%s'",
                     target);
    }
  }
  return 0;
}

const struct plan_steps plan_push = {
  .complete = complete,
  .check = check_targets_differ,
};
