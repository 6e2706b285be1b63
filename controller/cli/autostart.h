/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts the default daemon in the background where it does not run. */

#ifndef PULLBACK_AUTOSTART_H
#define PULLBACK_AUTOSTART_H

#include "controller/client/pullback.h"

/* Returns when the daemon of the handle, which is for the default URI, answers.
 * -1: reported, with the last line of the daemon's log if it has one. */
int autostart (pullback_handle *handle);

#endif /* PULLBACK_AUTOSTART_H */
