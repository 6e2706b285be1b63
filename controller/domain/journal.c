/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes, reads and removes the record of a running backup. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/catalogue/catalogue.h"
#include "controller/common/error.h"
#include "controller/domain/journal.h"
#include "controller/domain/json.h"

/* A journal is far smaller than a document's limit for each of its disks. */
#define MAX_JOURNAL (16 * 1024 * 1024)

static char *
journal_path (const char *state, const char *domain)
{
  char *path;

  if (asprintf (&path, "%s/domains/%s/job.json", state, domain) == -1) {
    fail_errno (ERROR_SYSTEM, "journal");
    return NULL;
  }
  return path;
}

int
journal_write (const char *state, const char *domain, json_object *json)
{
  CLEANUP_FREE char *path = journal_path (state, domain);
  const char *text =
      json_object_to_json_string_ext (json, JSON_C_TO_STRING_PLAIN);

  return path ? write_file_atomically (path, text, strlen (text)) : -1;
}

void
journal_remove (const char *state, const char *domain)
{
  CLEANUP_FREE char *path = journal_path (state, domain);

  if (path && unlink (path) == -1 && errno != ENOENT)
    log_line ("cannot remove '%s': %s", path, strerror (errno));
}

bool
journal_exists (const char *state, const char *domain)
{
  CLEANUP_FREE char *path = journal_path (state, domain);

  return path && access (path, F_OK) == 0;
}

json_object *
journal_read (const char *state, const char *domain)
{
  CLEANUP_FREE char *path = journal_path (state, domain);
  CLEANUP_FREE char *text = malloc (MAX_JOURNAL);
  CLEANUP_FCLOSE FILE *file = path && text ? fopen (path, "re") : NULL;
  json_object *json = NULL;
  size_t size;

  if (file == NULL) {
    fail_errno (ERROR_SYSTEM, "cannot read '%s'", path ? path : domain);
    return NULL;
  }
  size = fread (text, 1, MAX_JOURNAL - 1, file);
  text[size] = '\0';
  json = json_tokener_parse (text);
  if (!json_object_is_type (json, json_type_object)) {
    json_object_put (json);
    fail (ERROR_SYSTEM,
          "'%s' is damaged; remove it when no backup of '%s' is "
          "left in QEMU",
          path, domain);
    return NULL;
  }
  return json;
}
