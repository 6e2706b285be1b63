/* SPDX-License-Identifier: BSD-3-Clause */
/* What --target says. */

#ifndef PULLBACK_CLI_TARGET_H
#define PULLBACK_CLI_TARGET_H

#include "controller/formats/formats.h"

/* A path (below /dev that of a device), nbd://HOST[:PORT]/EXPORT or
 * nbd+unix:///EXPORT?socket=PATH.  -1: reported. */
int target_parse (const char *text, struct backup_disk *disk);

#endif /* PULLBACK_CLI_TARGET_H */
