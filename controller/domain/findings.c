/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeps the findings about a domain's checkpoints and says in the log what is
 * new. */

#include <config.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/findings.h"

/* A domain that was repaired more often has other troubles. */
#define MAX_REPAIRS 100

/* Lines of log for one look; the rest is counted. */
#define MAX_LINES 20

void
findings_clear (struct findings *findings)
{
  json_object_put (findings->repaired);
  json_object_put (findings->broken);
  *findings = (struct findings){ 0 };
}

static bool
is_in (json_object *list, const char *text)
{
  size_t i;

  for (i = 0; i < json_object_array_length (list); i++)
    if (strcmp (json_object_get_string (json_object_array_get_idx (list, i)),
                text) == 0)
      return true;
  return false;
}

void
findings_add_repair (struct findings *findings, const char *domain,
                     const char *format, ...)
{
  CLEANUP_FREE char *text = NULL;
  va_list args;

  va_start (args, format);
  if (vasprintf (&text, format, args) == -1)
    text = NULL;
  va_end (args);
  if (findings->repaired == NULL)
    findings->repaired = json_object_new_array ();
  if (text == NULL || is_in (findings->repaired, text))
    return;
  log_line ("domain '%s': %s", domain, text);
  if (json_object_array_length (findings->repaired) == MAX_REPAIRS)
    json_object_array_del_idx (findings->repaired, 0, 1);
  json_object_array_add (findings->repaired, json_object_new_string (text));
}

/* A line of the log for each, up to the limit. */
static void
say (const char *domain, const char *checkpoint, const char *what,
     const char *reason, size_t *lines)
{
  if (++*lines <= MAX_LINES)
    log_line ("domain '%s': checkpoint '%s' is %s%s", domain, checkpoint, what,
              reason);
}

void
findings_set_broken (struct findings *findings, const char *domain,
                     const struct checkpoint_list *known, json_object *broken)
{
  json_object *before =
      findings->broken ? findings->broken : json_object_new_object ();
  json_object *reason;
  size_t lines = 0;

  json_object_object_foreach (broken, name, now) {
    if (!json_object_object_get_ex (before, name, &reason) ||
        !json_object_equal (now, reason))
      say (domain, name, "broken: ", json_object_get_string (now), &lines);
  }
  json_object_object_foreach (before, old_name, old) {
    (void) old;
    if (!json_object_object_get_ex (broken, old_name, &reason) &&
        checkpoint_list_find (known, old_name))
      say (domain, old_name, "not broken any more", "", &lines);
  }
  if (lines > MAX_LINES)
    log_line ("domain '%s': so it is with %zu more checkpoints", domain,
              lines - MAX_LINES);
  json_object_put (before);
  findings->broken = broken;
}

const char *
findings_reason (const struct findings *findings, const char *checkpoint)
{
  json_object *reason;

  if (findings->broken == NULL ||
      !json_object_object_get_ex (findings->broken, checkpoint, &reason))
    return NULL;
  return json_object_get_string (reason);
}
