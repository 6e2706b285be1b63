/* SPDX-License-Identifier: BSD-3-Clause */
/* Options that are a number of seconds. */

#ifndef PULLBACK_CLI_SECONDS_H
#define PULLBACK_CLI_SECONDS_H

#include "controller/cli/verb.h"

/* From 1 to 'most'; 0 if the option is not given.  -1: reported. */
int read_seconds (const struct invocation *invocation, const char *option,
                  unsigned most, unsigned *seconds);

#endif /* PULLBACK_CLI_SECONDS_H */
