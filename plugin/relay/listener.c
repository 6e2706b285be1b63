/* SPDX-License-Identifier: BSD-3-Clause */
/* The sockets that clients connect to. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "plugin/relay/errands.h"
#include "plugin/relay/listener.h"
#include "plugin/relay/message.h"

#define FIRST_INHERITED 3
#define MAX_INHERITED   64
#define BACKLOG         SOMAXCONN

size_t
listeners_inherited (void)
{
  const char *pid = getenv ("LISTEN_PID"), *count = getenv ("LISTEN_FDS");
  long n;

  if (pid == NULL || count == NULL || atol (pid) != getpid ())
    return 0;
  n = atol (count);
  return n > 0 && n <= MAX_INHERITED ? n : 0;
}

static int
add (struct listeners *listeners, int fd)
{
  int *fds = reallocarray (listeners->fds, listeners->count + 1, sizeof *fds);

  if (fds == NULL) {
    message ("%s", strerror (errno));
    return -1;
  }
  listeners->fds = fds;
  fds[listeners->count++] = fd;
  /* accept(2) must not block when a client is gone again before it. */
  return fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK);
}

/* Whether this may be listened on at all. */
static int
check_exposure (const struct sockaddr *address, const char *name,
                const struct configuration *configuration)
{
  if (address_is_local (address) || configuration->tls.mode == TLS_REQUIRE)
    return 0;
  if (configuration->insecure) {
    message ("%s can be reached from other machines, and what is served there "
             "is neither encrypted nor authenticated",
             name);
    return 0;
  }
  message ("%s can be reached from other machines, and what is served there is "
           "neither encrypted nor authenticated; require TLS, listen on a "
           "loopback address or a Unix socket, or give --insecure",
           name);
  return -1;
}

static int
take_inherited (struct listeners *listeners,
                const struct configuration *configuration)
{
  const size_t count = listeners_inherited ();
  struct sockaddr_storage storage;
  socklen_t length;

  for (size_t i = 0; i < count; i++) {
    const int fd = FIRST_INHERITED + i;

    if (fd == configuration->control)
      continue;
    length = sizeof storage;
    if (getsockname (fd, (struct sockaddr *) &storage, &length) == -1) {
      message ("inherited descriptor %d is not a socket", fd);
      return -1;
    }
    if (check_exposure ((struct sockaddr *) &storage, "the inherited socket",
                        configuration) == -1 ||
        fcntl (fd, F_SETFD, FD_CLOEXEC) == -1 || add (listeners, fd) == -1)
      return -1;
  }
  /* Not for children, should there ever be some. */
  unsetenv ("LISTEN_PID");
  unsetenv ("LISTEN_FDS");
  return 0;
}

/* A socket file that a dead process has left behind. */
static bool
is_stale (const struct sockaddr *address, socklen_t length)
{
  CLEANUP_CLOSE int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  return fd >= 0 && connect (fd, address, length) == -1 &&
         errno == ECONNREFUSED;
}

static int
listen_unix (struct listeners *listeners, const char *path)
{
  CLEANUP_CLOSE int fd = -1;
  struct sockaddr_storage storage;
  const struct sockaddr *address = (struct sockaddr *) &storage;
  socklen_t length;

  if (address_unix (path, &storage, &length) == -1)
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) {
    message ("unix:%s: %s", path, strerror (errno));
    return -1;
  }
  if (bind (fd, address, length) == -1 &&
      (errno != EADDRINUSE || !is_stale (address, length) ||
       unlink (path) == -1 || bind (fd, address, length) == -1)) {
    message ("cannot listen on unix:%s: %s", path,
             errno == EADDRINUSE || errno == 0 ? "another process uses it"
                                               : strerror (errno));
    return -1;
  }
  if (names_add (&listeners->paths, path, strlen (path)) == -1 ||
      listen (fd, BACKLOG) == -1) {
    message ("unix:%s: %s", path, strerror (errno));
    return -1;
  }
  return add (listeners, STEAL_FD (fd));
}

static int
listen_tcp_address (struct listeners *listeners, const struct addrinfo *a,
                    const char *name)
{
  CLEANUP_CLOSE int fd =
      socket (a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, a->ai_protocol);
  const int on = 1;

  if (fd == -1) {
    message ("%s: %s", name, strerror (errno));
    return -1;
  }
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  /* IPv4 has an address of its own in the list. */
  if (a->ai_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind (fd, a->ai_addr, a->ai_addrlen) == -1 ||
      listen (fd, BACKLOG) == -1) {
    message ("cannot listen on %s: %s", name,
             errno == EADDRINUSE ? "another process uses this port"
                                 : strerror (errno));
    return -1;
  }
  return add (listeners, STEAL_FD (fd));
}

static int
listen_tcp (struct listeners *listeners, const struct address *address,
            const struct configuration *configuration)
{
  const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                                  .ai_flags = AI_PASSIVE };
  CLEANUP_FREE char *name = address_text (address);
  const char *host = *address->host ? address->host : NULL;
  struct addrinfo *addresses = NULL, *a;
  int r;

  if (name == NULL) {
    message ("%s", strerror (errno));
    return -1;
  }
  r = getaddrinfo (host, address->port, &hints, &addresses);
  if (r != 0) {
    message ("cannot listen on %s: %s", name, gai_strerror (r));
    return -1;
  }
  for (a = addresses, r = 0; a && r == 0; a = a->ai_next)
    if (check_exposure (a->ai_addr, name, configuration) == -1 ||
        listen_tcp_address (listeners, a, name) == -1)
      r = -1;
  freeaddrinfo (addresses);
  return r;
}

int
listeners_open (struct listeners *listeners,
                const struct configuration *configuration)
{
  if (listeners_inherited () > 0)
    return take_inherited (listeners, configuration);

  for (size_t i = 0; i < configuration->listen_count; i++) {
    const struct address *address = &configuration->listen[i];

    if (address->path ? listen_unix (listeners, address->path) == -1
                      : listen_tcp (listeners, address, configuration) == -1)
      return -1;
  }
  return 0;
}

void
listeners_remove (const struct listeners *listeners)
{
  for (size_t i = 0; i < listeners->paths.count; i++)
    unlink (listeners->paths.items[i]);
}

void
listeners_close (struct listeners *listeners)
{
  for (size_t i = 0; i < listeners->count; i++)
    close (listeners->fds[i]);
  if (listeners->errands)
    errands_remove_sockets (listeners->errands);
  else
    listeners_remove (listeners);
  free (listeners->fds);
  names_free (&listeners->paths);
  listeners->fds = NULL;
  listeners->count = 0;
}
