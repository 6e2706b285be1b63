/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages for whoever runs the relay, on stderr. */

#ifndef PULLBACK_MESSAGE_H
#define PULLBACK_MESSAGE_H

/* One line, "pullback-relay: TEXT", written at once so that lines of several
 * threads do not mix.  Control characters in it are made '?': parts of it come
 * from the network.  Where lines come by the thousand some are left out, and
 * counted. */
void message (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

#endif /* PULLBACK_MESSAGE_H */
