/* SPDX-License-Identifier: BSD-3-Clause */
/* Hands out connections to QEMU's NBD server and keeps a duplicate of each.
 *
 * QEMU 7.2 with an iothread aborts when an NBD client in transmission closes
 * first.  As long as the broker holds its duplicate, nothing that happens to
 * the process which uses the connection, not even SIGKILL, closes it. */

#ifndef PULLBACK_BROKER_H
#define PULLBACK_BROKER_H

struct broker;

/* Serves on 'listener' (taken over).  For each client that connects it connects
 * to 'server', sends one byte with the descriptor, and closes; where that
 * server cannot be reached it closes only.  NULL: reported. */
struct broker *broker_start (int listener, const char *server);

/* Stops, and closes the duplicates: QEMU must have closed its side before. */
void broker_stop (struct broker *broker);

#endif /* PULLBACK_BROKER_H */
