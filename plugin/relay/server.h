/* SPDX-License-Identifier: BSD-3-Clause */
/* Accepts clients within the limits, until told to stop. */

#ifndef PULLBACK_SERVER_H
#define PULLBACK_SERVER_H

#include "plugin/relay/listener.h"
#include "plugin/relay/relay.h"

/* Serves until 'signal_fd' (a signalfd) is readable; then stops accepting,
 * which removes our socket files, and lets the clients finish for a while.
 * Returns whether all of them are gone: their threads use 'relay'. */
bool server_run (struct relay *relay, struct listeners *listeners,
                 int signal_fd);

#endif /* PULLBACK_SERVER_H */
