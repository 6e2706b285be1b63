/* SPDX-License-Identifier: BSD-3-Clause */
/* What the lines of the control channel mean; control.h has their form. */

#ifndef PULLBACK_CONTROL_COMMANDS_H
#define PULLBACK_CONTROL_COMMANDS_H

#include "plugin/relay/relay.h"

/* Does what a line (without its end, changed meanwhile) says, and returns the
 * answer's, the caller's.  NULL: out of memory. */
char *control_answer (struct relay *relay, char *line);

#endif /* PULLBACK_CONTROL_COMMANDS_H */
