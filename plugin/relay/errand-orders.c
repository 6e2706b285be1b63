/* SPDX-License-Identifier: BSD-3-Clause */
/* Orders and answers as messages; an answer has a descriptor beside its number,
 * or none. */

#include "config.h"

#include <string.h>
#include <sys/socket.h>

#include "plugin/relay/errand-orders.h"

/* One descriptor beside the data. */
union control {
  struct cmsghdr alignment;
  char space[CMSG_SPACE (sizeof (int))];
};

bool
order_send (int channel, const struct order *order)
{
  return send (channel, order, sizeof *order, MSG_NOSIGNAL) == sizeof *order;
}

bool
order_receive (int channel, struct order *order)
{
  return recv (channel, order, sizeof *order, 0) == sizeof *order;
}

void
answer_send (int channel, uint32_t number, int fd)
{
  union control control = { 0 };
  struct iovec part = { .iov_base = &number, .iov_len = sizeof number };
  struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
  struct cmsghdr *item;

  if (fd >= 0) {
    header.msg_control = control.space;
    header.msg_controllen = sizeof control.space;
    item = CMSG_FIRSTHDR (&header);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN (sizeof fd);
    memcpy (CMSG_DATA (item), &fd, sizeof fd);
  }
  sendmsg (channel, &header, MSG_NOSIGNAL);
}

bool
answer_receive (int channel, uint32_t *number, int *fd)
{
  union control control;
  struct iovec part = { .iov_base = number, .iov_len = sizeof *number };
  struct msghdr header = { .msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.space,
                           .msg_controllen = sizeof control.space };
  const struct cmsghdr *item;

  *fd = -1;
  if (recvmsg (channel, &header, MSG_CMSG_CLOEXEC) != sizeof *number)
    return false;
  item = CMSG_FIRSTHDR (&header);
  if (item && item->cmsg_type == SCM_RIGHTS)
    memcpy (fd, CMSG_DATA (item), sizeof *fd);
  return true;
}
