/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the command that quiesces an application. */

#ifndef PULLBACK_HOOK_H
#define PULLBACK_HOOK_H

/* Runs 'command' by the shell with one word more, "freeze" or "thaw", in a
 * process group of its own that is killed after 'limit_ms'.  -1: it could not
 * be run, failed, or took too long; reported. */
int hook_run (const char *command, const char *word, int limit_ms);

#endif /* PULLBACK_HOOK_H */
