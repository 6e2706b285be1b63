/* SPDX-License-Identifier: BSD-3-Clause */
/* The domains that are known: a folder each, which comes and goes by a rename.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "controller/catalogue/catalogue.h"
#include "controller/catalogue/domain-record.h"
#include "controller/catalogue/folder.h"
#include "controller/catalogue/paths.h"
#include "controller/common/error.h"

/* What a crash left in one domain's folder. */
static int
clean_domain (const char *state, const char *name)
{
  CLEANUP_FREE char *folder = path_in_domain (state, name, NULL);
  CLEANUP_FREE char *checkpoints = path_in_domain (state, name, "checkpoints");

  if (!folder || !checkpoints || remove_unfinished (folder) < 0)
    return -1;
  return remove_unfinished (checkpoints);
}

int
catalogue_open (const char *state)
{
  CLEANUP_FREE char *domains = path_of_domains (state);
  CLEANUP_NAME_LIST name_list names = NULL;
  size_t i;

  if (!domains || make_folder (domains) < 0 || remove_unfinished (domains) < 0)
    return -1;
  names = catalogue_domains (state);
  if (!names)
    return -1;
  for (i = 0; names[i]; i++)
    /* What is wrong with one domain is said when that one is asked for. */
    if (clean_domain (state, names[i]) < 0)
      log_line ("%s", error_message ());
  error_clear ();
  return 0;
}

name_list
catalogue_domains (const char *state)
{
  CLEANUP_FREE char *domains = path_of_domains (state);

  return domains ? list_folder (domains, "") : NULL;
}

struct domain_record *
catalogue_domain (const char *state, const char *name)
{
  CLEANUP_FREE char *path = path_in_domain (state, name, "domain.json");
  CLEANUP_DOMAIN_RECORD struct domain_record *record = NULL;
  CLEANUP_FREE char *json = NULL;
  size_t length;
  int found;

  found =
      path ? read_file (path, DOMAIN_RECORD_MAX_LENGTH, &json, &length) : -1;
  if (found < 0)
    return NULL;
  if (found == 0) {
    fail (ERROR_NOT_FOUND,
          "domain '%s' is not known; 'pullback domain-list' shows those that "
          "are, 'pullback domain-add' adds one",
          name);
    return NULL;
  }
  record = domain_record_parse (json, length);
  if (record && strcmp (record->name, name) != 0)
    fail (ERROR_INVALID, "it is about domain '%s'", record->name);
  else if (record)
    return STEAL (record);
  fail (ERROR_SYSTEM, "%s is damaged: %s; 'pullback domain-remove' removes it",
        path, error_message ());
  return NULL;
}

/* Fills the folder that will become the domain's. */
static int
fill_domain (const char *folder, const char *json)
{
  CLEANUP_FREE char *checkpoints = NULL;
  CLEANUP_FREE char *record = NULL;

  if (asprintf (&checkpoints, "%s/checkpoints", folder) < 0)
    checkpoints = NULL;
  if (asprintf (&record, "%s/domain.json", folder) < 0)
    record = NULL;
  if (!checkpoints || !record)
    return fail_errno (ERROR_SYSTEM, "cannot fill the folder %s", folder);
  if (mkdir (checkpoints, 0700) < 0)
    return fail_errno (ERROR_SYSTEM, "cannot make the folder %s", checkpoints);
  return write_file_atomically (record, json, strlen (json));
}

/* The folder has its name, or is gone again. */
static int
give_name (const char *folder, const char *path, const char *name)
{
  /* A folder is never renamed over one that holds something. */
  if (rename (folder, path) == 0)
    return 0;
  if (errno == EEXIST || errno == ENOTEMPTY)
    return fail (ERROR_CONFLICT,
                 "domain '%s' exists already; 'pullback domain-remove' removes "
                 "it",
                 name);
  return fail_errno (ERROR_SYSTEM, "cannot make the folder %s", path);
}

/* What failed is what is reported, not what went wrong with cleaning up. */
static void
discard_folder (const char *folder)
{
  CLEANUP_FREE char *message = strdup (error_message ());
  enum error_kind kind = error_kind ();

  if (remove_tree (folder) < 0)
    log_line ("%s", error_message ());
  if (message)
    fail (kind, "%s", message);
}

int
catalogue_add_domain (const char *state, const struct domain_record *record)
{
  CLEANUP_FREE char *domains = path_of_domains (state);
  CLEANUP_FREE char *path = NULL;
  CLEANUP_FREE char *folder = NULL;
  CLEANUP_FREE char *json = NULL;

  if (!domains || domain_record_check (record) < 0)
    return -1;
  path = path_in_domain (state, record->name, NULL);
  json = path ? domain_record_format (record) : NULL;
  if (!json)
    return -1;
  if (asprintf (&folder, "%s/.new-XXXXXX", domains) < 0) {
    folder = NULL;
    return fail_errno (ERROR_SYSTEM, "cannot add domain '%s'", record->name);
  }
  if (!mkdtemp (folder)) /* mode 0700 */
    return fail_errno (ERROR_SYSTEM, "cannot make a folder in %s", domains);
  if (fill_domain (folder, json) < 0 ||
      give_name (folder, path, record->name) < 0) {
    discard_folder (folder);
    return -1;
  }
  return sync_folder (domains);
}

int
catalogue_replace_domain (const char *state, const struct domain_record *record)
{
  CLEANUP_FREE char *path = path_in_domain (state, record->name, "domain.json");
  CLEANUP_FREE char *json = path && domain_record_check (record) == 0
                                ? domain_record_format (record)
                                : NULL;

  return json ? write_file_atomically (path, json, strlen (json)) : -1;
}

int
catalogue_remove_domain (const char *state, const char *name)
{
  CLEANUP_FREE char *domains = path_of_domains (state);
  CLEANUP_FREE char *path = path_in_domain (state, name, NULL);
  CLEANUP_FREE char *removed = NULL;

  if (!domains || !path)
    return -1;
  if (asprintf (&removed, "%s/.removed-XXXXXX", domains) < 0) {
    removed = NULL;
    return fail_errno (ERROR_SYSTEM, "cannot remove domain '%s'", name);
  }
  if (!mkdtemp (removed))
    return fail_errno (ERROR_SYSTEM, "cannot make a folder in %s", domains);
  /* A folder can be renamed over an empty one. */
  if (rename (path, removed) < 0) {
    int saved = errno;

    rmdir (removed);
    errno = saved;
    if (saved == ENOENT)
      return fail (ERROR_NOT_FOUND,
                   "domain '%s' is not known; 'pullback domain-list' shows "
                   "those that are",
                   name);
    return fail_errno (ERROR_SYSTEM, "cannot remove the folder %s", path);
  }
  if (sync_folder (domains) < 0)
    return -1;
  return remove_tree (removed);
}
