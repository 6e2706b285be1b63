/* SPDX-License-Identifier: BSD-3-Clause */
/* The sockets that clients connect to: bound here or inherited. */

#ifndef PULLBACK_LISTENER_H
#define PULLBACK_LISTENER_H

#include <stddef.h>

#include "plugin/relay/relay.h"

struct listeners {
  int *fds;
  size_t count;
  struct names paths;      /* of Unix sockets that we made */
  struct errands *errands; /* who removes them for us; NULL: we do */
};

/* How many sockets were handed to this process (LISTEN_FDS of systemd's
 * protocol); 0 if none were. */
size_t listeners_inherited (void);

/* Takes inherited sockets, or binds those of the configuration.  -1:
 * reported. */
int listeners_open (struct listeners *listeners,
                    const struct configuration *configuration);

/* The socket files that we made. */
void listeners_remove (const struct listeners *listeners);

/* Also removes the socket files that we made. */
void listeners_close (struct listeners *listeners);

#endif /* PULLBACK_LISTENER_H */
