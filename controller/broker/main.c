/* SPDX-License-Identifier: BSD-3-Clause */
/* pullback-broker: hands out connections to QEMU's NBD server, and holds a
 * duplicate of each, and the listening sockets of the data path, until the end.
 *
 * QEMU 7.2 with an iothread aborts when an NBD client in transmission closes
 * first.  As long as this process lives nothing that happens to the others, not
 * even SIGKILL for all of them at once, closes a connection.  So it does
 * nothing else, and needs nobody: pullbackd can die and come back meanwhile. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "controller/broker/broker.h"
#include "controller/common/error.h"
#include "controller/datapath/descriptors.h"
#include "controller/datapath/listener.h"

/* Far more than a job of many disks and checkpoints needs. */
#define MAX_CONNECTIONS 4096

struct broker {
  const char *server; /* path of QEMU's socket */
  int listeners[BROKER_MAX_LISTENERS];
  size_t nr_listeners;
  size_t nr_kept; /* never closed: they go with the process */
};

/* A new connection, kept.  It is kept before it is handed over, and for good:
 * whether the client still uses it cannot be known. */
static int
connect_and_keep (struct broker *broker)
{
  int fd;

  if (broker->nr_kept == MAX_CONNECTIONS) {
    errno = EMFILE;
    return -1;
  }
  fd = connect_unix (broker->server);
  if (fd != -1)
    broker->nr_kept++;
  return fd;
}

static void
hand_out_connection (struct broker *broker, int client)
{
  int fd = connect_and_keep (broker);

  if (fd == -1)
    log_line ("a connection to QEMU's NBD server at '%s' cannot be made: %s",
              broker->server, strerror (errno));
  else if (descriptors_send (client, &fd, 1) == -1)
    log_line ("a connection to QEMU could not be handed over: %s",
              strerror (errno));
}

/* To a daemon that takes the job up. */
static void
hand_out_listeners (struct broker *broker, int client)
{
  if (descriptors_send (client, broker->listeners, broker->nr_listeners) == -1)
    log_line ("the listening sockets could not be handed over: %s",
              strerror (errno));
}

static void
serve_one (struct broker *broker, size_t listener)
{
  CLEANUP_CLOSE int client =
      accept4 (broker->listeners[listener], NULL, NULL, SOCK_CLOEXEC);

  if (client == -1) {
    /* With no descriptor left the client stays in the queue: not at once again.
     */
    poll (NULL, 0, 100);
    return;
  }
  if (listener == BROKER_CONNECTIONS)
    hand_out_connection (broker, client);
  else
    hand_out_listeners (broker, client);
}

static int
serve (struct broker *broker)
{
  struct pollfd fds[] = {
    { .fd = broker->listeners[BROKER_CONNECTIONS], .events = POLLIN },
    { .fd = broker->listeners[BROKER_LISTENERS], .events = POLLIN },
  };

  for (;;) {
    if (poll (fds, 2, -1) == -1 && errno != EINTR)
      return fail_errno (ERROR_SYSTEM, "poll");
    for (size_t i = 0; i < 2; i++)
      if (fds[i].revents)
        serve_one (broker, i);
  }
}

/* By the protocol of socket activation, as child.c has it. */
static int
take_listeners (struct broker *broker)
{
  const char *text = getenv ("LISTEN_FDS");
  int count = text ? atoi (text) : 0;

  if (count < 2 || count > BROKER_MAX_LISTENERS)
    return fail (ERROR_INVALID, "it is started by pullbackd, with its sockets");
  for (int i = 0; i < count; i++)
    broker->listeners[broker->nr_listeners++] = 3 + i;
  return 0;
}

static void
raise_descriptor_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit (RLIMIT_NOFILE, &limit);
  }
}

int
main (int argc, char *argv[])
{
  struct broker broker = { 0 };

  if (argc != 2)
    fail (ERROR_INVALID, "usage: pullback-broker QEMU-SOCKET");
  else if (take_listeners (&broker) == 0) {
    broker.server = argv[1];
    raise_descriptor_limit ();
    serve (&broker);
  }
  log_line ("pullback-broker: %s", error_message ());
  return EXIT_FAILURE;
}
