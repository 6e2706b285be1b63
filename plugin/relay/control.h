/* SPDX-License-Identifier: BSD-3-Clause */
/* The control channel: a listening Unix socket that the relay inherits, and on
 * which whoever started it gives and revokes tickets and asks what was read.
 *
 * A controller connects, sends lines and gets one line for each, in order.  One
 * is served at a time, others wait; one that is silent for CONTROL_IDLE seconds
 * is closed, so that a controller connects for each exchange.  It can go and
 * another one come at any time, nothing is bound to the connection.
 *
 *   ping                                    ok
 *   ticket IDENTITY KEY SECONDS [EXPORT]... ok
 *   revoke IDENTITY                         ok
 *   map EXPORT                              ok [whole]
 *   read EXPORT...                          ok READ SENT [DATA MISSING ZEROES
 *                                              CLEAN] [forgot]
 *
 * Any answer can also be "error TEXT".  A line ends with LF and has at most
 * CONTROL_MAX_LINE bytes; a longer one ends the connection.  Words are
 * separated by single spaces; in a word '%' and two hexadecimal digits stand
 * for any byte, and must for '%', space and control characters.
 *
 * ticket: see tickets.h.  KEY is hexadecimal, SECONDS decimal (0: no limit);
 * without an EXPORT all are allowed.  To give a ticket again changes nothing.
 *
 * map: see map-fetcher.h; it is to be said again until the answer is "whole".
 * read: see accounting.h; the last four numbers are there once the first
 * export's map is.
 *
 * Who can connect can do everything: the socket belongs in a folder that is the
 * owner's alone. */

#ifndef PULLBACK_CONTROL_H
#define PULLBACK_CONTROL_H

#include "plugin/relay/relay.h"

#define CONTROL_MAX_LINE (1 << 18)
#define CONTROL_IDLE     5 /* seconds */

struct control;

/* Serves the channel on a thread of its own until 'drain_fd' is readable, and
 * ends tickets when their time is up.  'fd' is a listening socket and stays the
 * caller's.  NULL: reported. */
struct control *control_start (struct relay *relay, int fd);

/* When it drains. */
void control_join (struct control *control);

#endif /* PULLBACK_CONTROL_H */
