/* SPDX-License-Identifier: BSD-3-Clause */
/* The file in the state folder that tells of a domain's running backup, for the
 * case that the daemon dies. */

#ifndef PULLBACK_JOURNAL_H
#define PULLBACK_JOURNAL_H

#include <stdbool.h>

#include <json-c/json.h>

/* Replaces it, whole or not at all.  -1: reported. */
int journal_write (const char *state, const char *domain, json_object *json);

/* An object, the caller's.  NULL: reported. */
json_object *journal_read (const char *state, const char *domain);

/* The job has left nothing behind. */
void journal_remove (const char *state, const char *domain);

bool journal_exists (const char *state, const char *domain);

#endif /* PULLBACK_JOURNAL_H */
