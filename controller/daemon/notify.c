/* SPDX-License-Identifier: BSD-3-Clause */
/* One datagram to a socket, which is all of sd_notify's protocol that is
 * needed: libsystemd would be loaded for it, where there is no systemd, too. */

#include <config.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/daemon/notify.h"

static struct sockaddr_un manager = { .sun_family = AF_UNIX };
static socklen_t manager_length; /* 0: there is none */

void
notify_open (void)
{
  const char *path = getenv ("NOTIFY_SOCKET");
  size_t length = path ? strlen (path) : 0;

  if (length > 0 && length < sizeof manager.sun_path) {
    memcpy (manager.sun_path, path, length);
    manager_length = offsetof (struct sockaddr_un, sun_path) + length;
    /* An abstract socket, whose name begins with a zero byte. */
    if (manager.sun_path[0] == '@')
      manager.sun_path[0] = 0;
  }
  unsetenv ("NOTIFY_SOCKET");
}

void
notify_say (const char *state)
{
  CLEANUP_CLOSE int fd = -1;

  if (manager_length == 0)
    return;
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd == -1 ||
      sendto (fd, state, strlen (state), MSG_NOSIGNAL,
              (const struct sockaddr *) &manager, manager_length) == -1)
    log_line ("the service manager cannot be told %s: %s", state,
              strerror (errno));
}
