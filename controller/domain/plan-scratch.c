/* SPDX-License-Identifier: BSD-3-Clause */
/* Chooses folders for scratch files, and asks their file systems for room
 * before anything begins. */

#include <config.h>

#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/json.h"
#include "controller/domain/plan.h"

#define MiB ((uint64_t) 1024 * 1024)

static int
check_folder (const char *folder)
{
  if (folder == NULL || *folder == '/')
    return 0;
  return fail (ERROR_INVALID,
               "the folder '%s' for scratch files is not an absolute path",
               folder);
}

static int
read_folders (json_object *body, json_object **folders)
{
  if (!json_object_object_get_ex (body, "scratch_folders", folders) ||
      *folders == NULL)
    return 0;
  if (!json_object_is_type (*folders, json_type_object))
    return fail (ERROR_INVALID, "'scratch_folders' is not an object");
  json_object_object_foreach (*folders, disk, folder) {
    if (!json_object_is_type (folder, json_type_string))
      return fail (ERROR_INVALID,
                   "'scratch_folders': what disk '%s' has is not a string",
                   disk);
    if (check_folder (json_object_get_string (folder)) == -1)
      return -1;
  }
  return 0;
}

int
scratch_read (json_object *body, struct scratch_request *scratch)
{
  int64_t limit, reserve;

  if (json_get_text (body, "scratch_folder", &scratch->folder) == -1 ||
      check_folder (scratch->folder) == -1 ||
      read_folders (body, &scratch->folders) == -1 ||
      json_get_number (body, "scratch_limit", 1, INT64_MAX, 0, &limit) == -1 ||
      json_get_number (body, "scratch_reserve", 0, 100, SCRATCH_RESERVE_DEFAULT,
                       &reserve) == -1)
    return -1;
  scratch->limit = limit;
  scratch->reserve = reserve;
  return 0;
}

bool
scratch_is_given (const struct scratch_request *scratch)
{
  return scratch->folder || scratch->folders || scratch->limit ||
         scratch->reserve != SCRATCH_RESERVE_DEFAULT;
}

static const char *
folder_of (const struct scratch_request *scratch, const char *disk)
{
  json_object *folder;

  if (scratch->folders &&
      json_object_object_get_ex (scratch->folders, disk, &folder))
    return json_object_get_string (folder);
  return scratch->folder;
}

char *
scratch_choose (const struct plan_request *request, const char *disk)
{
  CLEANUP_FREE char *own = NULL;
  const char *folder = folder_of (&request->scratch, disk);
  char *path;

  if (folder == NULL) {
    if (asprintf (&own, "%s/scratch", request->state) == -1)
      own = NULL;
    folder = own;
    if (folder)
      mkdir (folder, 0700);
  }
  if (folder == NULL || asprintf (&path, "%s/pullback-%s-%s.scratch", folder,
                                  request->domain->name, disk) == -1) {
    fail_errno (ERROR_SYSTEM, "backup");
    return NULL;
  }
  if (access (folder, W_OK | X_OK) == -1) {
    fail_errno (ERROR_SYSTEM,
                "cannot make scratch files in the folder '%s' (choose another "
                "one with --scratch)",
                folder);
    free (path);
    return NULL;
  }
  unlink (path);
  return path;
}

static bool
has_disk (const struct plan *plan, const char *name)
{
  size_t i;

  for (i = 0; i < plan->nr_disks; i++)
    if (strcmp (plan->disks[i].disk->name, name) == 0)
      return true;
  return false;
}

static int
check_disks (const struct plan *plan, json_object *folders)
{
  if (folders == NULL)
    return 0;
  json_object_object_foreach (folders, disk, folder) {
    if (!has_disk (plan, disk))
      return fail (ERROR_INVALID,
                   "disk '%s', whose scratch file is to be in '%s', is not "
                   "part of the backup",
                   disk, json_object_get_string (folder));
  }
  return 0;
}

/* The most that can be copied for the disk, in bytes: all of it, or what may
 * have changed. */
static uint64_t
most_copied (const struct plan_disk *disk)
{
  uint64_t changed = 0;
  size_t i;

  if (!disk->changes_only)
    return disk->disk->size;
  for (i = 0; i < disk->nr_change_maps; i++) {
    const struct disk_bitmap *bitmap =
        disk_bitmap (disk->disk, disk->change_maps[i].bitmap);

    changed += bitmap ? bitmap->count : 0;
  }
  return changed < disk->disk->size ? changed : disk->disk->size;
}

/* A file system on which scratch files will be. */
struct room {
  dev_t device;
  uint64_t needed;
};

static int
find_device (const struct plan_disk *disk, dev_t *device)
{
  CLEANUP_FREE char *path = strdup (disk->scratch);
  struct stat status;

  if (path == NULL || stat (dirname (path), &status) == -1)
    return fail_errno (ERROR_SYSTEM,
                       "disk '%s': the folder of the scratch file '%s'",
                       disk->disk->name, disk->scratch);
  *device = status.st_dev;
  return 0;
}

static int
check_free (const struct plan_disk *disk, uint64_t needed, unsigned percent)
{
  CLEANUP_FREE char *path = strdup (disk->scratch);
  struct statvfs status;
  uint64_t free;

  if (path == NULL || statvfs (dirname (path), &status) == -1)
    return fail_errno (ERROR_SYSTEM, "cannot ask for the free space at '%s'",
                       disk->scratch);
  free = (uint64_t) status.f_bavail * status.f_frsize;
  if (free >= needed)
    return 0;
  return fail (ERROR_CONFLICT,
               "there is too little room for scratch files: '%s' has %" PRIu64
               " MiB free, and %u%% of what can be copied before the guest "
               "overwrites it are %" PRIu64
               " MiB; choose another folder with --scratch, or another share "
               "with --scratch-reserve",
               path, free / MiB, percent, (needed + MiB - 1) / MiB);
}

/* Adds each disk's need to what the others on its file system need. */
static int
check_room (const struct plan *plan, unsigned percent)
{
  CLEANUP_FREE struct room *rooms = calloc (plan->nr_disks + 1, sizeof *rooms);
  size_t count = 0, i, j;

  if (rooms == NULL)
    return fail_errno (ERROR_SYSTEM, "backup");
  for (i = 0; i < plan->nr_disks; i++) {
    dev_t device = 0;

    if (find_device (&plan->disks[i], &device) == -1)
      return -1;
    for (j = 0; j < count && rooms[j].device != device; j++)
      ;
    if (j == count)
      rooms[count++].device = device;
    rooms[j].needed += most_copied (&plan->disks[i]) / 100 * percent;
    if (check_free (&plan->disks[i], rooms[j].needed, percent) == -1)
      return -1;
  }
  return 0;
}

int
scratch_check (const struct plan *plan, const struct plan_request *request)
{
  if (check_disks (plan, request->scratch.folders) == -1)
    return -1;
  return check_room (plan, request->scratch.reserve);
}
