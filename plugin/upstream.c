/* SPDX-License-Identifier: BSD-3-Clause */
/* Begins and ends connections to the NBD server, by URI, by socket, or with a
 * descriptor that a broker hands over. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "common/cleanup.h"
#include "plugin/upstream.h"

static enum upstream_kind upstream_kind;
static const char *address;

void
upstream_set (enum upstream_kind kind, const char *new_address)
{
  upstream_kind = kind;
  address = new_address;
}

bool
upstream_is_late (void)
{
  return upstream_kind == UPSTREAM_BROKER;
}

const char *
upstream_address (void)
{
  return address;
}

/* A socket connected to the broker.  -1: error reported. */
static int
connect_to_broker (void)
{
  const struct timeval limit = { .tv_sec = UPSTREAM_SECONDS };
  struct sockaddr_un name = { .sun_family = AF_UNIX };
  CLEANUP_CLOSE int fd = -1;

  if (strlen (address) >= sizeof name.sun_path) {
    nbdkit_error ("broker=%s: the path of a socket has at most %zu bytes",
                  address, sizeof name.sun_path - 1);
    return -1;
  }
  strcpy (name.sun_path, address);

  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1 ||
      setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == -1 ||
      connect (fd, (struct sockaddr *) &name, sizeof name) == -1) {
    nbdkit_error ("broker=%s: cannot connect: %s", address, strerror (errno));
    return -1;
  }
  return STEAL_FD (fd);
}

/* The descriptor in a message from the broker, -1 if there is none.  The buffer
 * has no room for a second one, which the kernel would close. */
static int
receive_descriptor (int broker)
{
  char byte;
  struct iovec data = { .iov_base = &byte, .iov_len = 1 };
  union {
    char buffer[CMSG_SPACE (sizeof (int))];
    struct cmsghdr align;
  } control;
  struct msghdr message = {
    .msg_iov = &data,
    .msg_iovlen = 1,
    .msg_control = control.buffer,
    .msg_controllen = sizeof control.buffer,
  };
  struct cmsghdr *header;
  ssize_t received;
  int fd;

  do
    received = recvmsg (broker, &message, MSG_CMSG_CLOEXEC);
  while (received == -1 && errno == EINTR);
  if (received == -1) {
    nbdkit_error ("broker=%s: no connection within %d s: %s", address,
                  UPSTREAM_SECONDS, strerror (errno));
    return -1;
  }

  header = CMSG_FIRSTHDR (&message);
  if (received == 0 || header == NULL || header->cmsg_level != SOL_SOCKET ||
      header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN (sizeof fd)) {
    nbdkit_error ("broker=%s: it handed out no connection; its log says why",
                  address);
    return -1;
  }
  memcpy (&fd, CMSG_DATA (header), sizeof fd);
  return fd;
}

static int
start_connecting (struct nbd_handle *nbd)
{
  CLEANUP_CLOSE int broker = -1;
  CLEANUP_CLOSE int fd = -1;
  int result = -1;

  switch (upstream_kind) {
  case UPSTREAM_URI:
    result = nbd_aio_connect_uri (nbd, address);
    break;
  case UPSTREAM_SOCKET:
    result = nbd_aio_connect_unix (nbd, address);
    break;
  case UPSTREAM_BROKER:
    broker = connect_to_broker ();
    if (broker == -1)
      return -1;
    fd = receive_descriptor (broker);
    if (fd == -1)
      return -1;
    result = nbd_aio_connect_socket (nbd, fd);
    if (result == 0)
      fd = -1; /* libnbd's now */
    break;
  }

  if (result == -1)
    nbdkit_error ("%s: cannot connect: %s", address, nbd_get_error ());
  return result;
}

static time_t
seconds_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

/* Not nbd_connect_*, which has no limit of time: qemu-nbd takes no more
 * connections than its --shared says, and leaves the next one waiting. */
static int
finish_connecting (struct nbd_handle *nbd)
{
  const time_t limit = seconds_now () + UPSTREAM_SECONDS;

  while (nbd_aio_is_connecting (nbd) == 1) {
    if (seconds_now () > limit) {
      nbdkit_error ("%s: no greeting from the NBD server within %d s; has it "
                    "reached its limit of connections (qemu-nbd --shared, "
                    "max-connections of nbd-server-start)?",
                    address, UPSTREAM_SECONDS);
      return -1;
    }
    if (nbd_poll (nbd, 1000) == -1)
      break;
  }
  if (nbd_aio_is_negotiating (nbd) == 1)
    return 0;

  if (nbd_aio_is_ready (nbd) == 1)
    nbdkit_error ("%s: the NBD server knows the old protocol only, in which "
                  "exports have no names",
                  address);
  else
    nbdkit_error ("%s: cannot connect: %s", address,
                  nbd_get_error () ?: "the server closed the connection");
  return -1;
}

struct nbd_handle *
upstream_connect (void)
{
  CLEANUP_NBD_CLOSE struct nbd_handle *nbd = nbd_create ();

  /* Every handle stops in option mode, so that the export's name is ours even
   * when a URI carries one.  A failed read never reaches a client, so there is
   * no need to clear the buffers beforehand. */
  if (nbd == NULL || nbd_set_opt_mode (nbd, true) == -1 ||
      nbd_set_pread_initialize (nbd, false) == -1) {
    nbdkit_error ("cannot make an NBD handle: %s", nbd_get_error ());
    return NULL;
  }
  if (start_connecting (nbd) == -1 || finish_connecting (nbd) == -1)
    return NULL;
  return STEAL (nbd);
}

void
upstream_disconnect (struct nbd_handle *nbd)
{
  /* With a broker it is never for us to end a connection: some versions of
   * QEMU do not survive it.  The broker keeps a duplicate of the descriptor,
   * so that closing ours goes unnoticed. */
  if (nbd && upstream_kind != UPSTREAM_BROKER) {
    if (nbd_aio_is_ready (nbd) == 1)
      nbd_shutdown (nbd, 0);
    else if (nbd_aio_is_negotiating (nbd) == 1)
      nbd_opt_abort (nbd);
  }
  nbd_close (nbd);
}
