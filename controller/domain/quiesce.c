/* SPDX-License-Identifier: BSD-3-Clause */
/* Freezes and thaws as a request says, and keeps what is to be said about it.
 */

#include <config.h>

#include <limits.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/json.h"
#include "controller/domain/quiesce.h"

/* Of every step, and of how long all is frozen.  A guest flushes when it
 * freezes, which takes its time; a client waits for ten minutes at most. */
#define DEFAULT_SECONDS 30
#define MAX_SECONDS     60

int
quiesce_read_mode (json_object *body, enum quiesce_mode *mode)
{
  json_object *member;

  *mode = QUIESCE_NO;
  if (!json_object_object_get_ex (body, "quiesce", &member) || member == NULL)
    return 0;
  if (json_object_is_type (member, json_type_boolean))
    *mode = json_object_get_boolean (member) ? QUIESCE_YES : QUIESCE_NO;
  else if (json_object_is_type (member, json_type_string) &&
           strcmp (json_object_get_string (member), "try") == 0)
    *mode = QUIESCE_TRY;
  else
    return fail (ERROR_INVALID,
                 "'quiesce' of the request must be true, false or \"try\"");
  return 0;
}

int
quiesce_read (json_object *body, const struct domain_record *domain,
              struct events *events, struct quiesce *quiesce)
{
  int64_t seconds;

  if (quiesce_read_mode (body, &quiesce->mode) == -1 ||
      json_get_number (body, "quiesce_seconds", 1, MAX_SECONDS, DEFAULT_SECONDS,
                       &seconds) == -1)
    return -1;
  quiesce->seconds = seconds;
  quiesce->events = events;
  if (quiesce->mode == QUIESCE_YES && domain->agent == NULL)
    return fail (ERROR_UNSUPPORTED,
                 "the file systems of domain '%s' cannot be frozen, since it "
                 "has no guest agent: 'pullback domain-set %s --agent PATH' "
                 "names its socket, --quiesce=try does without if need be",
                 domain->name, domain->name);
  if (quiesce->mode == QUIESCE_NO)
    return 0;
  quiesce->domain = strdup (domain->name);
  quiesce->agent = domain->agent ? strdup (domain->agent) : NULL;
  return quiesce->domain && (quiesce->agent || domain->agent == NULL)
             ? 0
             : fail_errno (ERROR_SYSTEM, "quiesce");
}

/* Whatever is frozen still is thawed by this, too. */
void
quiesce_clear (struct quiesce *quiesce)
{
  uint64_t microseconds;

  freezer_end (STEAL (quiesce->freezer), &microseconds);
  free (quiesce->domain);
  free (quiesce->agent);
  free (quiesce->reason);
  *quiesce = (struct quiesce){ 0 };
}

static void
tell_failed (const struct quiesce *quiesce)
{
  json_object *data = json_object_new_object ();

  json_add_bool (data, "required", quiesce->mode != QUIESCE_TRY);
  json_add_text (data, "reason", error_message ());
  event_emit (quiesce->events, quiesce->domain, EVENT_QUIESCE_FAILED, data);
}

/* What failed is the operation's error, or only a note. */
static int
did_not (struct quiesce *quiesce)
{
  tell_failed (quiesce);
  if (quiesce->mode != QUIESCE_TRY)
    return fail_prefix ("the guest could not be quiesced");
  free (quiesce->reason);
  quiesce->reason = strdup (error_message ());
  log_line ("the guest could not be quiesced: %s", error_message ());
  error_clear ();
  return quiesce->reason ? 0 : fail (ERROR_SYSTEM, "out of memory");
}

int
quiesce_freeze (struct quiesce *quiesce)
{
  const struct freezer_request request = { .agent = quiesce->agent,
                                           .seconds = quiesce->seconds };

  if (quiesce->mode == QUIESCE_NO)
    return 0;
  if (quiesce->agent == NULL) {
    fail (ERROR_UNSUPPORTED, "the domain has no guest agent");
    return did_not (quiesce);
  }
  quiesce->freezer = freezer_start (&request);
  if (quiesce->freezer == NULL)
    return did_not (quiesce);
  quiesce->count = freezer_count (quiesce->freezer);
  return 0;
}

int
quiesce_thaw (struct quiesce *quiesce)
{
  if (quiesce->freezer == NULL)
    return 0;
  if (freezer_end (STEAL (quiesce->freezer), &quiesce->microseconds) == 0)
    return 0;
  quiesce->count = 0;
  return did_not (quiesce);
}

void
quiesce_describe (const struct quiesce *quiesce, json_object *json)
{
  json_object *member;

  if (quiesce->mode == QUIESCE_NO)
    return;
  member = json_object_new_object ();
  json_add_number (member, "file_systems", quiesce->count);
  json_add_number (member, "microseconds", (int64_t) quiesce->microseconds);
  json_add_text (member, "reason", quiesce->reason);
  json_object_object_add (json, "quiesce", member);
}

int
quiesce_restore (struct quiesce *quiesce, json_object *json)
{
  json_object *member;
  const char *reason;
  int64_t count, microseconds;

  if (json_get_object (json, "quiesce", &member) == -1)
    return -1;
  if (member == NULL)
    return 0;
  if (json_get_number (member, "file_systems", 0, UINT_MAX, 0, &count) == -1 ||
      json_get_number (member, "microseconds", 0, INT64_MAX, 0,
                       &microseconds) == -1 ||
      json_get_text (member, "reason", &reason) == -1)
    return -1;
  quiesce->mode = QUIESCE_TRY;
  quiesce->count = count;
  quiesce->microseconds = microseconds;
  quiesce->reason = reason ? strdup (reason) : NULL;
  return 0;
}
