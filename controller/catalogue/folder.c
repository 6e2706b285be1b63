/* SPDX-License-Identifier: BSD-3-Clause */
/* Folders below the state folder: made, synced, listed, removed. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "controller/catalogue/folder.h"
#include "controller/common/error.h"

static void
cleanup_closedir (DIR **folder)
{
  if (*folder)
    closedir (*folder);
}
#define CLEANUP_CLOSEDIR __attribute__ ((cleanup (cleanup_closedir)))

int
sync_folder (const char *path)
{
  CLEANUP_CLOSE int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0 || fsync (fd) < 0)
    return fail_errno (ERROR_SYSTEM, "cannot sync the folder %s", path);
  return 0;
}

/* The new folder's name is synced to the one above, which 'path' up to 'slash'
 * names. */
static int
make_one_folder (char *path, char *slash)
{
  int result;

  if (mkdir (path, 0700) < 0)
    return errno == EEXIST
               ? 0
               : fail_errno (ERROR_SYSTEM, "cannot make the folder %s", path);
  if (!slash || slash == path)
    return sync_folder (slash ? "/" : ".");
  *slash = '\0';
  result = sync_folder (path);
  *slash = '/';
  return result;
}

int
make_folder (const char *path)
{
  CLEANUP_FREE char *copy = strdup (path);
  char *slash, *above = NULL;

  if (!copy)
    return fail_errno (ERROR_SYSTEM, "cannot make the folder %s", path);
  above = copy[0] == '/' ? copy : NULL;
  for (slash = copy + 1; (slash = strchr (slash, '/')); slash++) {
    *slash = '\0';
    if (make_one_folder (copy, above) < 0)
      return -1;
    *slash = '/';
    above = slash;
  }
  return make_one_folder (copy, above);
}

static int
remove_entry (const char *path, const struct stat *status, int kind,
              struct FTW *where)
{
  (void) status, (void) kind, (void) where;
  return remove (path);
}

int
remove_tree (const char *path)
{
  if (nftw (path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
    return fail_errno (ERROR_SYSTEM, "cannot remove %s", path);
  return 0;
}

int
remove_unfinished (const char *path)
{
  CLEANUP_CLOSEDIR DIR *folder = opendir (path);
  const struct dirent *entry;

  if (!folder)
    return fail_errno (ERROR_SYSTEM, "cannot read the folder %s", path);
  while ((entry = readdir (folder))) {
    CLEANUP_FREE char *whole = NULL;

    if (entry->d_name[0] != '.' || strcmp (entry->d_name, ".") == 0 ||
        strcmp (entry->d_name, "..") == 0)
      continue;
    if (asprintf (&whole, "%s/%s", path, entry->d_name) < 0) {
      whole = NULL;
      return fail_errno (ERROR_SYSTEM, "cannot clean the folder %s", path);
    }
    if (remove_tree (whole) < 0)
      return -1;
  }
  return 0;
}

void
name_list_free (name_list list)
{
  char **name;

  for (name = list; name && *name; name++)
    free (*name);
  free (list);
}

static int
compare_names (const void *left, const void *right)
{
  return strcmp (*(char *const *) left, *(char *const *) right);
}

/* The name that the entry stands for, or NULL if it is not one that is asked
 * for. */
static char *
name_of_entry (const char *entry, const char *suffix)
{
  size_t length = strlen (entry), suffix_length = strlen (suffix);

  if (entry[0] == '.' || length <= suffix_length ||
      strcmp (entry + length - suffix_length, suffix) != 0)
    return NULL;
  return strndup (entry, length - suffix_length);
}

name_list
list_folder (const char *path, const char *suffix)
{
  CLEANUP_CLOSEDIR DIR *folder = opendir (path);
  CLEANUP_NAME_LIST name_list list = calloc (1, sizeof *list);
  size_t nr_names = 0, room = 1;
  const struct dirent *entry;

  if (!folder || !list) {
    fail_errno (ERROR_SYSTEM, "cannot read the folder %s", path);
    return NULL;
  }
  while (errno = 0, (entry = readdir (folder))) {
    CLEANUP_FREE char *name = name_of_entry (entry->d_name, suffix);

    if (!name)
      continue;
    if (nr_names + 1 == room) {
      name_list longer = reallocarray (list, room * 2, sizeof *list);

      if (!longer) {
        fail_errno (ERROR_SYSTEM, "cannot list the folder %s", path);
        return NULL;
      }
      list = longer;
      room *= 2;
    }
    list[nr_names++] = STEAL (name);
    list[nr_names] = NULL;
  }
  if (errno) {
    fail_errno (ERROR_SYSTEM, "cannot read the folder %s", path);
    return NULL;
  }
  qsort (list, nr_names, sizeof *list, compare_names);
  return STEAL (list);
}
