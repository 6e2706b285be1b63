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

static void
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
  if (list)
    list->checkpoints = calloc (nr_names + 1, sizeof *list->checkpoints);
  if (!list || !list->checkpoints) {
    fail_errno (ERROR_SYSTEM, "cannot list the checkpoints of '%s'", domain);
    return NULL;
  }
  while (list->nr_checkpoints < nr_names) {
    struct checkpoint *checkpoint =
        catalogue_checkpoint (state, domain, names[list->nr_checkpoints]);

    if (!checkpoint)
      return NULL;
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

static struct checkpoint *
find (const struct checkpoint_list *list, const char *name)
{
  size_t i;

  for (i = 0; i < list->nr_checkpoints; i++)
    if (strcmp (list->checkpoints[i]->name, name) == 0)
      return list->checkpoints[i];
  return NULL;
}

/* The children of 'gone' become its parent's. */
static int
reparent (const char *state, const char *domain, struct checkpoint_list *list,
          const struct checkpoint *gone)
{
  size_t i;

  for (i = 0; i < list->nr_checkpoints; i++) {
    struct checkpoint *child = list->checkpoints[i];

    if (!child->parent || strcmp (child->parent, gone->name) != 0)
      continue;
    free (STEAL (child->parent));
    /* In a cycle of two a child would become its own parent: a root instead. */
    if (gone->parent && strcmp (gone->parent, child->name) != 0 &&
        !(child->parent = strdup (gone->parent)))
      return fail_errno (ERROR_SYSTEM, "cannot change the parent of '%s'",
                         child->name);
    if (catalogue_replace_checkpoint (state, domain, child) < 0)
      return -1;
  }
  return 0;
}

int
catalogue_remove_checkpoint (const char *state, const char *domain,
                             const char *name)
{
  CLEANUP_FREE char *path = path_of_checkpoint (state, domain, name);
  CLEANUP_FREE char *folder = path_in_domain (state, domain, "checkpoints");
  CLEANUP_CHECKPOINT_LIST struct checkpoint_list *list = NULL;
  CLEANUP_FREE char *current = NULL;
  const struct checkpoint *gone;

  if (!path || !folder)
    return -1;
  list = catalogue_checkpoints (state, domain);
  if (!list)
    return -1;
  gone = find (list, name);
  if (!gone) {
    unknown_checkpoint (domain, name);
    return -1;
  }
  current = catalogue_current (state, domain);
  if (!current && error_kind () != ERROR_NONE)
    return -1;
  if (reparent (state, domain, list, gone) < 0)
    return -1;
  if (current && strcmp (current, name) == 0 &&
      catalogue_set_current (state, domain, gone->parent) < 0)
    return -1;
  return remove_file (path) < 0 ? -1 : sync_folder (folder);
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
