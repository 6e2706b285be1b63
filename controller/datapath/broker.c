/* SPDX-License-Identifier: BSD-3-Clause */
/* The broker's thread: accept, connect to QEMU, keep, hand over (SCM_RIGHTS).
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/datapath/broker.h"
#include "controller/datapath/listener.h"

/* Far more than a job of many disks and checkpoints needs. */
#define MAX_CONNECTIONS 4096

struct broker {
  pthread_t thread;
  int listener;
  int stop; /* eventfd */
  char *server;
  int *kept; /* owned duplicates; the thread's until it has ended */
  size_t nr_kept;
};

static int
send_descriptor (int client, int fd)
{
  char byte = 0;
  struct iovec vector = { .iov_base = &byte, .iov_len = 1 };
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE (sizeof fd)];
  } control = { 0 };
  struct msghdr message = { .msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);

  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (sizeof fd);
  memcpy (CMSG_DATA (header), &fd, sizeof fd);
  return sendmsg (client, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* A new connection, kept.  It is kept before it is handed over, and for good:
 * whether the client still uses it cannot be known. */
static int
connect_and_keep (struct broker *broker)
{
  CLEANUP_CLOSE int fd = -1;
  int *kept;

  if (broker->nr_kept == MAX_CONNECTIONS) {
    log_line ("no more than %d connections to QEMU are made for one job",
              MAX_CONNECTIONS);
    return -1;
  }
  fd = connect_unix (broker->server);
  if (fd == -1)
    return -1;
  kept = reallocarray (broker->kept, broker->nr_kept + 1, sizeof *kept);
  if (kept == NULL)
    return -1;
  broker->kept = kept;
  kept[broker->nr_kept++] = fd;
  return STEAL_FD (fd);
}

static void
serve_one (struct broker *broker)
{
  CLEANUP_CLOSE int client =
      accept4 (broker->listener, NULL, NULL, SOCK_CLOEXEC);
  int fd;

  if (client == -1) {
    /* With no descriptor left the client stays in the queue: not at once again,
     * but at once where the broker is told to stop. */
    poll (&(struct pollfd){ .fd = broker->stop, .events = POLLIN }, 1, 100);
    return;
  }
  fd = connect_and_keep (broker);
  if (fd == -1)
    log_line ("a connection to QEMU's NBD server at '%s' cannot be made: %s",
              broker->server, strerror (errno));
  else if (send_descriptor (client, fd) == -1)
    log_line ("a connection to QEMU could not be handed over: %s",
              strerror (errno));
}

static void *
broker_thread (void *opaque)
{
  struct broker *broker = opaque;
  struct pollfd fds[] = { { .fd = broker->stop, .events = POLLIN },
                          { .fd = broker->listener, .events = POLLIN } };

  for (;;) {
    if (poll (fds, 2, -1) == -1 && errno != EINTR)
      break;
    if (fds[0].revents)
      break;
    if (fds[1].revents)
      serve_one (broker);
  }
  return NULL;
}

static void
broker_free (struct broker *broker)
{
  size_t i;

  for (i = 0; i < broker->nr_kept; i++)
    close (broker->kept[i]);
  free (broker->kept);
  if (broker->stop != -1)
    close (broker->stop);
  close (broker->listener);
  free (broker->server);
  free (broker);
}

struct broker *
broker_start (int listener, const char *server)
{
  struct broker *broker = calloc (1, sizeof *broker);

  if (broker == NULL) {
    close (listener);
    fail_errno (ERROR_SYSTEM, "broker");
    return NULL;
  }
  broker->listener = listener;
  broker->stop = eventfd (0, EFD_CLOEXEC);
  broker->server = strdup (server);
  if (broker->stop == -1 || broker->server == NULL ||
      (errno = pthread_create (&broker->thread, NULL, broker_thread, broker))) {
    fail_errno (ERROR_SYSTEM, "broker of connections to QEMU");
    broker_free (broker);
    return NULL;
  }
  return broker;
}

void
broker_stop (struct broker *broker)
{
  if (broker == NULL)
    return;
  eventfd_write (broker->stop, 1);
  pthread_join (broker->thread, NULL);
  broker_free (broker);
}
