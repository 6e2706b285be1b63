/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's side of the relay's control channel, of which
 * plugin/relay/control.h tells: a connection for each exchange, so that daemon
 * and relay can each end and come back. */

#ifndef PULLBACK_DATAPATH_CONTROL_H
#define PULLBACK_DATAPATH_CONTROL_H

#include <stdatomic.h>
#include <stdbool.h>

/* Says a command and its words (up to NULL) on the socket at 'path', waiting
 * for a relay that is still to start, but no longer than for some seconds or
 * until *gone.  *answer (NULL: not wanted) is what follows "ok", the caller's.
 * -1: reported; what the relay refuses is ERROR_CONFLICT. */
int control_say (const char *path, const atomic_bool *gone,
                 const char *const *words, char **answer);

#endif /* PULLBACK_DATAPATH_CONTROL_H */
