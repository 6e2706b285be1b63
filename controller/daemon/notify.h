/* SPDX-License-Identifier: BSD-3-Clause */
/* Tells the service manager that started the daemon, if one did and wants to
 * know, what state the daemon is in. */

#ifndef PULLBACK_NOTIFY_H
#define PULLBACK_NOTIFY_H

/* Takes the manager's socket out of the environment, so that no child speaks
 * for the daemon. */
void notify_open (void);

/* "READY=1", "STOPPING=1": see sd_notify(3).  Does nothing without a manager;
 * what fails is logged, since a daemon is none the worse for it. */
void notify_say (const char *state);

#endif /* PULLBACK_NOTIFY_H */
