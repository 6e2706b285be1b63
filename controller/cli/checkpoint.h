/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the verbs on checkpoints, and those on backups, have in
 * common. */

#ifndef PULLBACK_CLI_CHECKPOINT_H
#define PULLBACK_CLI_CHECKPOINT_H

#include "controller/cli/verb.h"

int checkpoint_list (struct invocation *invocation);
int checkpoint_edit (struct invocation *invocation);
int checkpoint_import (struct invocation *invocation);
int checkpoint_create (struct invocation *invocation);
int checkpoint_create_as (struct invocation *invocation);

/* The daemon's list of the domain's checkpoints, the caller's.  NULL: reported.
 */
json_object *get_checkpoints (struct invocation *invocation);
/* Its current one; NULL: there is none. */
const char *current_checkpoint (json_object *list);

/* A <domaincheckpoint> for what was given; name and description may be NULL.
 * The caller's; NULL: reported. */
char *checkpoint_xml (const char *name, const char *description,
                      const char *const *diskspecs);

#endif /* PULLBACK_CLI_CHECKPOINT_H */
