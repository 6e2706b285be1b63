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

/* Logs what is in 'these' and not, or otherwise, in 'those'. */
static void
log_difference (const char *domain, json_object *these, json_object *those,
                const char *right_again)
{
  size_t lines = 0;

  if (these == NULL)
    return;
  json_object_object_foreach (these, checkpoint, reason) {
    json_object *other =
        those ? json_object_object_get (those, checkpoint) : NULL;

    if (other && (right_again || json_object_equal (reason, other)))
      continue;
    if (++lines > MAX_LINES)
      continue;
    log_line ("domain '%s': checkpoint '%s' is %s%s", domain, checkpoint,
              right_again ? "" : "broken: ",
              right_again ? right_again : json_object_get_string (reason));
  }
  if (lines > MAX_LINES)
    log_line ("domain '%s': so it is with %zu more checkpoints", domain,
              lines - MAX_LINES);
}

void
findings_set_broken (struct findings *findings, const char *domain,
                     json_object *broken)
{
  log_difference (domain, broken, findings->broken, NULL);
  log_difference (domain, findings->broken, broken, "not broken any more");
  json_object_put (findings->broken);
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
