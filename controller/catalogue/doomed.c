/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of checkpoints that are to be gone: one name a line. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/catalogue/catalogue.h"
#include "controller/catalogue/folder.h"
#include "controller/catalogue/paths.h"
#include "controller/common/error.h"
#include "controller/formats/names.h"

/* Bytes; more names than anybody keeps. */
#define MAX_LENGTH (16 * 1024 * 1024)

int
catalogue_doom (const char *state, const char *domain, const char *const *names)
{
  CLEANUP_FREE char *path = path_in_domain (state, domain, "doomed");
  CLEANUP_FREE char *lines = NULL;
  size_t length;
  FILE *file;

  if (!path)
    return -1;
  file = open_memstream (&lines, &length);
  for (; file && *names; names++)
    fprintf (file, "%s\n", *names);
  if (!file || fclose (file) != 0)
    return fail_errno (ERROR_SYSTEM, "cannot write %s", path);
  return write_file_atomically (path, lines, length);
}

int
catalogue_spare (const char *state, const char *domain)
{
  CLEANUP_FREE char *path = path_in_domain (state, domain, "doomed");
  CLEANUP_FREE char *folder = path_in_domain (state, domain, NULL);

  if (!path || !folder)
    return -1;
  return remove_file (path) < 0 ? -1 : sync_folder (folder);
}

static size_t
count_lines (const char *text)
{
  size_t count = 0;

  for (; (text = strchr (text, '\n')); text++)
    count++;
  return count;
}

static name_list
split_lines (char *text, const char *path)
{
  CLEANUP_NAME_LIST name_list list =
      calloc (count_lines (text) + 2, sizeof *list);
  char *rest = NULL, *line;
  size_t i = 0;

  if (!list) {
    fail_errno (ERROR_SYSTEM, "cannot read %s", path);
    return NULL;
  }
  for (line = strtok_r (text, "\n", &rest); line;
       line = strtok_r (NULL, "\n", &rest)) {
    if (name_check ("checkpoint", line) < 0) {
      fail (ERROR_SYSTEM,
            "%s is damaged: %s; remove the file to keep the checkpoints that "
            "it names",
            path, error_message ());
      return NULL;
    }
    list[i] = strdup (line);
    if (!list[i++]) {
      fail_errno (ERROR_SYSTEM, "cannot read %s", path);
      return NULL;
    }
  }
  return STEAL (list);
}

name_list
catalogue_doomed (const char *state, const char *domain)
{
  CLEANUP_FREE char *path = path_in_domain (state, domain, "doomed");
  CLEANUP_FREE char *text = NULL;
  size_t length;
  int found;

  found = path ? read_file (path, MAX_LENGTH, &text, &length) : -1;
  if (found < 0)
    return NULL;
  if (found == 0 && !(text = strdup (""))) {
    fail_errno (ERROR_SYSTEM, "cannot read %s", path);
    return NULL;
  }
  return split_lines (text, path);
}
