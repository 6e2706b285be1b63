/* SPDX-License-Identifier: BSD-3-Clause */
/* What the verbs that take a point in time share: quiescing by the guest agent,
 * which the daemon does, and by a hook, which is run here. */

#ifndef PULLBACK_CLI_CUT_H
#define PULLBACK_CLI_CUT_H

#include "controller/cli/verb.h"

/* clang-format off */
#define QUIESCE_PARAMETER                                                      \
  { FLAG_OR_VALUE, "quiesce", "try",                                           \
    "freeze the guest's file systems, by its agent (try: if it can)" }
#define HOOK_PARAMETERS                                                        \
  { OPTION, "hook", "CMD",                                                     \
    "run 'CMD freeze' just before the cut and 'CMD thaw' just after it" },     \
  { OPTION, "hook-timeout", "SECONDS",                                         \
    "of each run, and of how long it may be frozen (without: 30)" }
/* clang-format on */

/* *flags gets one of both flags if --quiesce is given. */
int read_quiesce (const struct invocation *invocation, unsigned flag,
                  unsigned flag_try, unsigned *flags);

/* Of options that are a time. */
#define MAX_SECONDS 86400

/* Of --hook-timeout, or else the default. */
int read_hook_seconds (const struct invocation *invocation, unsigned *seconds);

/* Says that the guest was quiesced, or why not, if 'reply' is about that. */
void show_quiesced (json_object *reply);

/* Takes the point in time of the prepared backup, with the hook around it if
 * there is one, and shows the backup. */
int cut_backup (struct invocation *invocation);

#endif /* PULLBACK_CLI_CUT_H */
