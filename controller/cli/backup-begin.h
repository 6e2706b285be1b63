/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two files of the verbs on backups have in common. */

#ifndef PULLBACK_CLI_BACKUP_BEGIN_H
#define PULLBACK_CLI_BACKUP_BEGIN_H

#include <json-c/json.h>

#include "controller/cli/verb.h"

extern const struct parameter backup_begin_parameters[];
int backup_begin (struct invocation *invocation);

/* How it was cut and where to pull from.  -1: reported. */
int backup_show (json_object *backup);
/* The same for one that has just been started, or has failed at once: -1. */
int backup_show_started (struct invocation *invocation, json_object *backup);

#endif /* PULLBACK_CLI_BACKUP_BEGIN_H */
