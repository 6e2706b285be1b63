/* SPDX-License-Identifier: BSD-3-Clause */
/* Sends and receives descriptors (unix(7), SCM_RIGHTS). */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/cleanup.h"
#include "controller/datapath/descriptors.h"

union control {
  struct cmsghdr header;
  char space[CMSG_SPACE (DESCRIPTORS_MAX * sizeof (int))];
};

int
descriptors_send (int socket, const int *fds, size_t count)
{
  const size_t size = count * sizeof *fds;
  char byte = 0;
  struct iovec vector = { .iov_base = &byte, .iov_len = 1 };
  union control control = { 0 };
  struct msghdr message = { .msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = CMSG_SPACE (size) };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);

  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (size);
  memcpy (CMSG_DATA (header), fds, size);
  return sendmsg (socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static int
take_descriptors (struct msghdr *message, int *fds, size_t max)
{
  struct cmsghdr *header = CMSG_FIRSTHDR (message);
  int received[DESCRIPTORS_MAX];
  size_t count;

  if (header == NULL || header->cmsg_level != SOL_SOCKET ||
      header->cmsg_type != SCM_RIGHTS) {
    errno = EPROTO;
    return -1;
  }
  count = (header->cmsg_len - CMSG_LEN (0)) / sizeof *received;
  memcpy (received, CMSG_DATA (header), count * sizeof *received);
  if (count <= max) {
    memcpy (fds, received, count * sizeof *received);
    return (int) count;
  }
  while (count > 0)
    close (received[--count]);
  errno = EPROTO;
  return -1;
}

int
descriptors_receive (int socket, int seconds, int *fds, size_t max)
{
  struct pollfd ready = { .fd = socket, .events = POLLIN };
  char byte;
  struct iovec vector = { .iov_base = &byte, .iov_len = 1 };
  union control control;
  struct msghdr message = { .msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control };

  if (poll (&ready, 1, seconds * 1000) == 0) {
    errno = ETIMEDOUT;
    return -1;
  }
  if (recvmsg (socket, &message, MSG_CMSG_CLOEXEC) == -1)
    return -1;
  return take_descriptors (&message, fds, max);
}
