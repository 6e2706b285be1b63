/* SPDX-License-Identifier: BSD-3-Clause */
/* What the relay's process may still do once its sockets are open. */

#ifndef PULLBACK_CONFINEMENT_H
#define PULLBACK_CONFINEMENT_H

/* Gives up, for good: root, all capabilities, new privileges, being traced or
 * dumped by its own user, and all system calls but those that serving takes: it
 * opens no file and no socket, and starts no process.  No thread may have been
 * started yet.  -1: reported. */
int confine (void);

#endif /* PULLBACK_CONFINEMENT_H */
