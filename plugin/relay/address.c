/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as the command line gives them, and connecting to one. */

#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "plugin/relay/address.h"
#include "plugin/relay/errands.h"
#include "plugin/relay/message.h"

#define NBD_PORT "10809"

#define CONNECT_LIMIT 10 /* seconds */

/* HOST:PORT, [HOST]:PORT, or HOST alone where there is a default port. */
static int
parse_host_port (const char *text, const char *default_port,
                 struct address *address)
{
  const char *host = text, *host_end, *port;

  if (*text == '[') {
    host = text + 1;
    host_end = strchr (host, ']');
    port = host_end ? host_end + 1 : NULL;
  }
  else {
    host_end = strchrnul (text, ':');
    port = host_end;
  }
  if (port && *port == ':')
    port++;
  else if (port && *port == '\0')
    port = default_port;
  else
    port = NULL;
  if (port == NULL || *port == '\0' || strchr (port, ':'))
    return -1;

  address->host = strndup (host, host_end - host);
  address->port = strdup (port);
  return address->host && address->port ? 0 : -1;
}

int
address_parse (const char *text, struct address *address)
{
  memset (address, 0, sizeof *address);
  if (strncmp (text, "unix:", 5) == 0 && text[5] != '\0') {
    address->path = strdup (text + 5);
    if (address->path)
      return 0;
  }
  else if (strncmp (text, "tcp:", 4) == 0 &&
           parse_host_port (text + 4, NULL, address) == 0)
    return 0;

  message ("'%s' is not an address; give unix:PATH or tcp:HOST:PORT", text);
  address_free (address);
  return -1;
}

/* The value of a query parameter, with %XX resolved. */
static char *
percent_decode (const char *text, size_t length)
{
  char *result = malloc (length + 1), *next = result;

  for (size_t i = 0; result && i < length; i++)
    if (text[i] == '%' && i + 2 < length &&
        isxdigit ((unsigned char) text[i + 1]) &&
        isxdigit ((unsigned char) text[i + 2])) {
      const char digits[] = { text[i + 1], text[i + 2], '\0' };

      *next++ = strtol (digits, NULL, 16);
      i += 2;
    }
    else
      *next++ = text[i];
  if (result)
    *next = '\0';
  return result;
}

/* "nbd+unix:///?socket=PATH", after the scheme. */
static int
parse_unix_uri (const char *rest, struct address *address)
{
  const char *value;

  if (*rest == '/')
    rest++;
  if (strncmp (rest, "?socket=", 8) != 0)
    return -1;
  value = rest + 8;
  address->path = percent_decode (value, strcspn (value, "&"));
  return address->path && *address->path ? 0 : -1;
}

int
address_parse_server (const char *text, struct address *address)
{
  CLEANUP_FREE char *authority = NULL;
  size_t length;

  memset (address, 0, sizeof *address);
  if (strncmp (text, "nbd+unix://", 11) == 0) {
    if (parse_unix_uri (text + 11, address) == 0)
      return 0;
  }
  else if (strncmp (text, "nbd://", 6) == 0) {
    length = strcspn (text + 6, "/?");
    authority = strndup (text + 6, length);
    if (authority && *authority && strlen (text + 6 + length) <= 1 &&
        parse_host_port (authority, NBD_PORT, address) == 0)
      return 0;
  }
  else
    return address_parse (text, address);

  message ("'%s' is not a server the relay can use; give unix:PATH, "
           "tcp:HOST:PORT, nbd://HOST:PORT or nbd+unix:///?socket=PATH, "
           "without an export's name",
           text);
  address_free (address);
  return -1;
}

void
address_free (struct address *address)
{
  free (address->path);
  free (address->host);
  free (address->port);
  memset (address, 0, sizeof *address);
}

char *
address_text (const struct address *address)
{
  char *text = NULL;
  int r;

  if (address->path)
    r = asprintf (&text, "unix:%s", address->path);
  else
    r = asprintf (&text,
                  strchr (address->host, ':') ? "tcp:[%s]:%s" : "tcp:%s:%s",
                  address->host, address->port);
  return r == -1 ? NULL : text;
}

bool
address_is_local (const struct sockaddr *address)
{
  const struct sockaddr_in *v4 = (const void *) address;
  const struct sockaddr_in6 *v6 = (const void *) address;

  switch (address->sa_family) {
  case AF_UNIX:
    return true;
  case AF_INET:
    return ntohl (v4->sin_addr.s_addr) >> 24 == 127;
  case AF_INET6:
    return IN6_IS_ADDR_LOOPBACK (&v6->sin6_addr);
  default:
    return false;
  }
}

int
address_unix (const char *path, struct sockaddr_storage *storage,
              socklen_t *length)
{
  struct sockaddr_un *address = (struct sockaddr_un *) storage;

  if (strlen (path) >= sizeof address->sun_path) {
    message ("unix:%s: a socket's path has at most %zu bytes; choose a shorter "
             "one",
             path, sizeof address->sun_path - 1);
    return -1;
  }
  memset (storage, 0, sizeof *storage);
  address->sun_family = AF_UNIX;
  strcpy (address->sun_path, path);
  *length = sizeof *address;
  return 0;
}

/* Who connects next waits meanwhile.  -1: errno. */
static int
connect_in_time (int fd, const struct sockaddr *address, socklen_t length)
{
  const struct timeval limit = { .tv_sec = CONNECT_LIMIT }, none = { 0 };

  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect (fd, address, length) == -1) {
    if (errno == EAGAIN || errno == EINPROGRESS)
      errno = ETIMEDOUT;
    return -1;
  }
  return setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
}

static int
connect_unix (const char *path)
{
  CLEANUP_CLOSE int fd = -1;
  struct sockaddr_storage storage;
  socklen_t length;

  if (address_unix (path, &storage, &length) == -1)
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1 ||
      connect_in_time (fd, (struct sockaddr *) &storage, length) == -1) {
    message ("cannot connect to unix:%s: %s", path, strerror (errno));
    return -1;
  }
  return STEAL_FD (fd);
}

static int
connect_tcp (const char *host, const char *port)
{
  const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
  struct addrinfo *addresses = NULL, *a;
  const int on = 1;
  int r, fd = -1;

  r = getaddrinfo (host, port, &hints, &addresses);
  if (r != 0) {
    message ("cannot find tcp:%s:%s: %s", host, port, gai_strerror (r));
    return -1;
  }
  for (a = addresses; a && fd == -1; a = a->ai_next) {
    fd = socket (a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, a->ai_protocol);
    if (fd >= 0 && connect_in_time (fd, a->ai_addr, a->ai_addrlen) == -1) {
      r = errno;
      close (fd);
      fd = -1;
      errno = r;
    }
  }
  if (fd == -1)
    message ("cannot connect to tcp:%s:%s: %s", host, port, strerror (errno));
  else
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  freeaddrinfo (addresses);
  return fd;
}

int
address_connect (const struct address *address)
{
  if (address->errands)
    return errands_connect (address->errands);
  if (address->path)
    return connect_unix (address->path);
  return connect_tcp (address->host, address->port);
}

size_t
address_key (const struct sockaddr_storage *address,
             uint8_t key[ADDRESS_KEY_SIZE])
{
  const struct sockaddr_in *v4 = (const struct sockaddr_in *) address;
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *) address;

  switch (address->ss_family) {
  case AF_INET:
    memcpy (key, &v4->sin_addr, 4);
    return 4;
  case AF_INET6:
    if (IN6_IS_ADDR_V4MAPPED (&v6->sin6_addr)) {
      memcpy (key, v6->sin6_addr.s6_addr + 12, 4);
      return 4;
    }
    memcpy (key, &v6->sin6_addr, ADDRESS_KEY_SIZE);
    return ADDRESS_KEY_SIZE;
  default:
    return 0;
  }
}
