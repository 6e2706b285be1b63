/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening sockets by Unix path or loopback address, with errors that name the
 * address. */

#include <config.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/datapath/listener.h"

#define BACKLOG 128

/* Who listens accepts at once, unless it hangs. */
#define SECONDS_TO_CONNECT 10

static int
unix_address (const char *path, struct sockaddr_un *address)
{
  size_t length = strlen (path);

  *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
  if (length >= sizeof address->sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy (address->sun_path, path, length + 1);
  return 0;
}

int
connect_unix (const char *path)
{
  const struct timeval limit = { .tv_sec = SECONDS_TO_CONNECT };
  const struct timeval none = { 0 };
  CLEANUP_CLOSE int fd = -1;
  struct sockaddr_un address;

  if (unix_address (path, &address) == -1)
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1)
    return -1;
  /* A server that hangs leaves whoever comes waiting once its queue is full. */
  if (setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == -1 ||
      connect (fd, (struct sockaddr *) &address, sizeof address) == -1 ||
      setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none) == -1)
    return -1;
  return STEAL_FD (fd);
}

/* Removes a socket file that its listener left behind. */
static int
remove_stale (const char *path)
{
  CLEANUP_CLOSE int fd = -1;
  struct stat status;

  if (lstat (path, &status) == -1)
    return 0;
  if (!S_ISSOCK (status.st_mode))
    return fail (ERROR_CONFLICT,
                 "cannot listen on '%s': a file that is not a socket is in "
                 "the way; remove it or choose another path",
                 path);
  fd = connect_unix (path);
  if (fd != -1 || errno != ECONNREFUSED)
    return fail (ERROR_CONFLICT,
                 "cannot listen on '%s': the socket is in use; choose another "
                 "path",
                 path);
  if (unlink (path) == -1 && errno != ENOENT)
    return fail_errno (ERROR_SYSTEM, "cannot remove the stale socket '%s'",
                       path);
  return 0;
}

void
unlink_stale_socket (const char *path)
{
  /* What is not stale is somebody else's by now. */
  (void) remove_stale (path);
}

int
listen_unix (const char *path)
{
  CLEANUP_CLOSE int fd = -1;
  struct sockaddr_un address;

  if (unix_address (path, &address) == -1)
    return fail (ERROR_INVALID,
                 "the path of a Unix socket has at most %zu bytes, this one "
                 "is longer: '%s'",
                 sizeof address.sun_path - 1, path);
  if (remove_stale (path) == -1)
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1)
    return fail_errno (ERROR_SYSTEM, "socket");

  /* The mode of a socket file is that of the descriptor when it is bound. */
  if (fchmod (fd, 0600) == -1 ||
      bind (fd, (struct sockaddr *) &address, sizeof address) == -1 ||
      listen (fd, BACKLOG) == -1)
    return fail_errno (ERROR_CONFLICT, "cannot listen on '%s'", path);
  return STEAL_FD (fd);
}

static bool
is_loopback (const struct sockaddr *address)
{
  const struct sockaddr_in *v4 = (const void *) address;
  const struct sockaddr_in6 *v6 = (const void *) address;

  if (address->sa_family == AF_INET)
    return ntohl (v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  return address->sa_family == AF_INET6 &&
         IN6_IS_ADDR_LOOPBACK (&v6->sin6_addr);
}

static void
cleanup_freeaddrinfo (struct addrinfo **list)
{
  if (*list)
    freeaddrinfo (*list);
}

int
listen_tcp (const char *host, unsigned port, bool exposed)
{
  __attribute__ ((cleanup (cleanup_freeaddrinfo))) struct addrinfo *found =
      NULL;
  const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                  .ai_socktype = SOCK_STREAM };
  CLEANUP_CLOSE int fd = -1;
  char service[sizeof "65535"];
  const int on = 1;
  int result;

  if (port == 0 || port > 65535)
    return fail (ERROR_INVALID,
                 "a TCP server needs a port from 1 to 65535 (10809 is NBD's)");
  snprintf (service, sizeof service, "%u", port);
  result = getaddrinfo (host, service, &hints, &found);
  if (result != 0)
    return fail (ERROR_INVALID, "cannot resolve the server's name '%s': %s",
                 host, gai_strerror (result));
  if (!exposed && !is_loopback (found->ai_addr))
    return fail (ERROR_UNSUPPORTED,
                 "cannot listen on '%s': without TLS only a loopback address "
                 "or a Unix socket is served; use TLS (backup-begin --ticket "
                 "or --tls), tunnel it, as with ssh -L, or say --insecure",
                 host);
  fd = socket (found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1)
    return fail_errno (ERROR_SYSTEM, "socket");
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind (fd, found->ai_addr, found->ai_addrlen) == -1 ||
      listen (fd, BACKLOG) == -1)
    return fail_errno (ERROR_CONFLICT,
                       "cannot listen on %s port %u (choose another port)",
                       host, port);
  return STEAL_FD (fd);
}
