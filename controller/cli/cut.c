/* SPDX-License-Identifier: BSD-3-Clause */
/* Cuts a prepared backup between a hook's freeze and its thaw.  A hook is run
 * by the user who names it, not by the daemon. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/cli/backup-begin.h"
#include "controller/cli/cut.h"
#include "controller/cli/reply.h"
#include "controller/cli/seconds.h"
#include "controller/common/error.h"
#include "controller/quiesce/freezer.h"

#define DEFAULT_HOOK_SECONDS 30

int
read_quiesce (const struct invocation *invocation, unsigned flag,
              unsigned flag_try, unsigned *flags)
{
  const char *value = value_of (invocation, "quiesce");

  if (value == NULL)
    return 0;
  if (*value && strcmp (value, "try") != 0)
    return fail (ERROR_INVALID, "--quiesce takes no value but 'try', not '%s'",
                 value);
  *flags |= *value ? flag_try : flag;
  return 0;
}

int
read_hook_seconds (const struct invocation *invocation, unsigned *seconds)
{
  if (is_given (invocation, "hook-timeout") && !is_given (invocation, "hook"))
    return fail (ERROR_INVALID, "--hook-timeout needs --hook");
  if (read_seconds (invocation, "hook-timeout", MAX_SECONDS, seconds) == -1)
    return -1;
  if (*seconds == 0)
    *seconds = DEFAULT_HOOK_SECONDS;
  return 0;
}

void
show_quiesced (json_object *reply)
{
  json_object *quiesce = reply_object (reply, "quiesce");

  if (quiesce && reply_text (quiesce, "reason"))
    printf ("%-15s no: %s\n", "Quiesced:", reply_text (quiesce, "reason"));
  else if (quiesce)
    printf ("%-15s %" PRId64 " file systems, for %.1f ms\n",
            "Quiesced:", reply_number (quiesce, "file_systems"),
            reply_number (quiesce, "microseconds") / 1000.0);
}

/* The error that there is stays. */
static void
give_up (struct invocation *invocation)
{
  CLEANUP_FREE char *error = strdup (error_message ());
  enum error_kind kind = error_kind ();

  free (pullback_backup_end (invocation->handle,
                             value_of (invocation, "domain"),
                             PULLBACK_BACKUP_END_ABORT));
  fail (kind, "%s", error ? error : "out of memory");
}

/* The daemon's answer; NULL: reported. */
static char *
cut_with_hook (struct invocation *invocation, unsigned seconds)
{
  const struct freezer_request request = {
    .hook = value_of (invocation, "hook"),
    .seconds = seconds,
  };
  struct freezer *freezer = freezer_start (&request);
  char *reply = NULL;
  uint64_t held;

  if (freezer) {
    reply = pullback_backup_cut (invocation->handle,
                                 value_of (invocation, "domain"));
    if (reply == NULL)
      fail_as_client ();
  }
  if (freezer && reply == NULL) {
    CLEANUP_FREE char *error = strdup (error_message ());

    freezer_end (freezer, &held);
    fail ((enum error_kind) pullback_error_kind (), "%s",
          error ? error : "out of memory");
    return NULL;
  }
  if (freezer == NULL || freezer_end (freezer, &held) == -1) {
    give_up (invocation);
    free (reply);
    return NULL;
  }
  return reply;
}

int
cut_backup (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;
  unsigned seconds;
  char *text;

  if (read_hook_seconds (invocation, &seconds) == -1)
    return -1;
  if (is_given (invocation, "hook")) {
    text = cut_with_hook (invocation, seconds);
    if (text == NULL)
      return -1;
  }
  else
    text = pullback_backup_cut (invocation->handle,
                                value_of (invocation, "domain"));
  if (reply_take (invocation, text, &reply) == -1)
    return -1;
  return reply ? backup_show_started (invocation, reply) : 0;
}
