/* SPDX-License-Identifier: BSD-3-Clause */
/* The metadata of a domain's checkpoints: a file each, and which is current. */

#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "controller/catalogue/catalogue.h"
#include "controller/catalogue/folder.h"
#include "controller/catalogue/order.h"
#include "controller/catalogue/paths.h"
#include "controller/catalogue/unknown.h"
#include "controller/common/error.h"
#include "controller/formats/names.h"

void
checkpoint_list_free (struct checkpoint_list *list)
{
  size_t i;

  if (!list)
    return;
  for (i = 0; i < list->nr_checkpoints; i++)
    checkpoint_free (list->checkpoints[i]);
  free (list->checkpoints);
  free (list->by_name);
  free (list);
}

/* -1: the domain is not known, or its folder is damaged; reported. */
static int
check_domain (const char *state, const char *domain)
{
  CLEANUP_FREE char *folder = path_in_domain (state, domain, "checkpoints");
  CLEANUP_DOMAIN_RECORD struct domain_record *record = NULL;

  if (!folder)
    return -1;
  if (access (folder, F_OK) == 0)
    return 0;
  record = catalogue_domain (state, domain);
  return record ? fail (ERROR_SYSTEM, "%s is gone; restore it", folder) : -1;
}

static int
compare_to_name (const void *name, const void *item)
{
  return strcmp (name, (*(struct checkpoint *const *) item)->name);
}

size_t
checkpoint_list_index (const struct checkpoint_list *list, const char *name)
{
  struct checkpoint **found = NULL;

  if (name)
    found = bsearch (name, list->by_name, list->nr_checkpoints, sizeof *found,
                     compare_to_name);
  return found ? (size_t) (found - list->by_name) : list->nr_checkpoints;
}

struct checkpoint *
checkpoint_list_find (const struct checkpoint_list *list, const char *name)
{
  size_t index = checkpoint_list_index (list, name);

  return index < list->nr_checkpoints ? list->by_name[index] : NULL;
}

void
unknown_checkpoint (const char *domain, const char *name)
{
  fail (ERROR_NOT_FOUND,
        "checkpoint '%s' of domain '%s' does not exist; 'pullback "
        "checkpoint-list %s' shows those that do",
        name, domain, domain);
}

/* What the checkpoint's file holds. */
static struct checkpoint *
parse_file (const char *path, const char *name, const char *xml, size_t length)
{
  CLEANUP_CHECKPOINT struct checkpoint *checkpoint =
      checkpoint_parse (xml, length);

  if (checkpoint && checkpoint->name && strcmp (checkpoint->name, name) == 0)
    return STEAL (checkpoint);
  if (checkpoint)
    fail (ERROR_INVALID, "it is about checkpoint '%s'",
          checkpoint->name ? checkpoint->name : "");
  fail (ERROR_SYSTEM,
        "%s is damaged: %s; restore it, or move it away to lose this "
        "checkpoint's metadata",
        path, error_message ());
  return NULL;
}

struct checkpoint *
catalogue_checkpoint (const char *state, const char *domain, const char *name)
{
  CLEANUP_FREE char *path = path_of_checkpoint (state, domain, name);
  CLEANUP_FREE char *xml = NULL;
  size_t length;
  int found;

  found = path ? read_file (path, FORMATS_MAX_LENGTH, &xml, &length) : -1;
  if (found < 0)
    return NULL;
  if (found == 0) {
    if (check_domain (state, domain) == 0)
      unknown_checkpoint (domain, name);
    return NULL;
  }
  return parse_file (path, name, xml, length);
}

static name_list
checkpoint_names (const char *state, const char *domain)
{
  CLEANUP_FREE char *folder = path_in_domain (state, domain, "checkpoints");

  if (!folder || check_domain (state, domain) < 0)
    return NULL;
  return list_folder (folder, ".xml");
}

struct checkpoint_list *
catalogue_checkpoints (const char *state, const char *domain)
{
  CLEANUP_CHECKPOINT_LIST struct checkpoint_list *list =
      calloc (1, sizeof *list);
  CLEANUP_NAME_LIST name_list names = checkpoint_names (state, domain);
  size_t nr_names = 0;

  if (!names)
    return NULL;
  while (names[nr_names])
    nr_names++;
  if (list) {
    list->checkpoints = calloc (nr_names + 1, sizeof *list->checkpoints);
    list->by_name = calloc (nr_names + 1, sizeof *list->by_name);
  }
  if (!list || !list->checkpoints || !list->by_name) {
    fail_errno (ERROR_SYSTEM, "cannot list the checkpoints of '%s'", domain);
    return NULL;
  }
  while (list->nr_checkpoints < nr_names) {
    struct checkpoint *checkpoint =
        catalogue_checkpoint (state, domain, names[list->nr_checkpoints]);

    if (!checkpoint)
      return NULL;
    list->by_name[list->nr_checkpoints] = checkpoint;
    list->checkpoints[list->nr_checkpoints++] = checkpoint;
  }
  if (order_checkpoints (list) < 0)
    return NULL;
  return STEAL (list);
}

static int
write_checkpoint (const char *path, const struct checkpoint *checkpoint)
{
  CLEANUP_FREE char *xml = checkpoint_format (checkpoint);

  return xml ? write_file_atomically (path, xml, strlen (xml)) : -1;
}

int
catalogue_add_checkpoint (const char *state, const char *domain,
                          const struct checkpoint *checkpoint)
{
  CLEANUP_FREE char *path =
      path_of_checkpoint (state, domain, checkpoint->name);

  if (!path || check_domain (state, domain) < 0)
    return -1;
  if (access (path, F_OK) == 0)
    return fail (ERROR_CONFLICT,
                 "checkpoint '%s' of domain '%s' exists already; use another "
                 "name, or delete it with 'pullback checkpoint-delete %s %s'",
                 checkpoint->name, domain, domain, checkpoint->name);
  return write_checkpoint (path, checkpoint);
}

int
catalogue_replace_checkpoint (const char *state, const char *domain,
                              const struct checkpoint *checkpoint)
{
  CLEANUP_FREE char *path =
      path_of_checkpoint (state, domain, checkpoint->name);

  if (!path || check_domain (state, domain) < 0)
    return -1;
  if (access (path, F_OK) < 0) {
    unknown_checkpoint (domain, checkpoint->name);
    return -1;
  }
  return write_checkpoint (path, checkpoint);
}

char *
catalogue_current (const char *state, const char *domain)
{
  CLEANUP_FREE char *path = path_in_domain (state, domain, "current");
  CLEANUP_FREE char *checkpoint_path = NULL;
  CLEANUP_FREE char *name = NULL;
  size_t length;
  int found;

  found = path ? read_file (path, NAME_MAX_LENGTH + 1, &name, &length) : -1;
  if (found < 0)
    return NULL;
  error_clear ();
  if (found == 0)
    return NULL;
  name[strcspn (name, "\n")] = '\0';
  checkpoint_path = path_of_checkpoint (state, domain, name);
  if (!checkpoint_path) {
    fail (ERROR_SYSTEM,
          "%s is damaged: %s; remove the file to have no current "
          "checkpoint",
          path, error_message ());
    return NULL;
  }
  /* Removed by hand, or by a crash before this file was rewritten. */
  if (access (checkpoint_path, F_OK) < 0)
    return NULL;
  return STEAL (name);
}

int
catalogue_set_current (const char *state, const char *domain, const char *name)
{
  CLEANUP_FREE char *path = path_in_domain (state, domain, "current");
  CLEANUP_FREE char *folder = path_in_domain (state, domain, NULL);
  CLEANUP_FREE char *line = NULL;

  if (!path || !folder)
    return -1;
  if (!name)
    return remove_file (path) < 0 ? -1 : sync_folder (folder);
  if (name_check ("checkpoint", name) < 0)
    return -1;
  if (asprintf (&line, "%s\n", name) < 0) {
    line = NULL;
    return fail_errno (ERROR_SYSTEM, "cannot write %s", path);
  }
  return write_file_atomically (path, line, strlen (line));
}
