/* SPDX-License-Identifier: BSD-3-Clause */
/* The child process that connects and opens for the confined relay.  Each
 * errand has a thread of its own: one that takes long, as a server does that
 * cannot be reached, delays no other.  And the keeper that makes it. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "plugin/relay/address.h"
#include "plugin/relay/errand-child.h"
#include "plugin/relay/errand-orders.h"
#include "plugin/relay/listener.h"
#include "plugin/relay/message.h"
#include "plugin/relay/threads.h"

/* One errand, owned by its thread. */
struct errand {
  int channel;
  const struct errand_targets *targets;
  struct order order;
};

static int
open_keys (const char *path)
{
  int fd = -1;

  if (path == NULL)
    return -1;
  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd == -1)
    message ("file of pre-shared keys '%s': %s", path, strerror (errno));
  return fd;
}

static int
do_errand (const struct errand_targets *targets, enum errand_kind kind)
{
  switch (kind) {
  case ERRAND_CONNECT:
    return address_connect (targets->server);
  case ERRAND_OPEN_KEYS:
    return open_keys (targets->keys);
  case ERRAND_REMOVE:
    listeners_remove (targets->listeners);
    break;
  case ERRAND_ANOTHER_CHILD:
    break;
  }
  return -1;
}

static void *
errand_thread (void *opaque)
{
  CLEANUP_FREE struct errand *errand = opaque;
  CLEANUP_CLOSE int fd = do_errand (errand->targets, errand->order.kind);

  answer_send (errand->channel, errand->order.number, fd);
  return NULL;
}

static void
start_errand (int channel, const struct errand_targets *targets,
              const struct order *order)
{
  struct errand *errand = malloc (sizeof *errand);
  pthread_t thread;

  if (errand) {
    *errand = (struct errand){ channel, targets, *order };
    if (thread_start (&thread, errand_thread, errand) == 0) {
      pthread_detach (thread);
      return;
    }
  }
  free (errand);
  answer_send (channel, order->number, -1);
}

/* Keeps stderr and the channel, which it returns: with a listening socket it
 * would keep clients waiting after the relay's end. */
static int
keep_only (int channel)
{
  const int place = STDERR_FILENO + 1;

  if (channel != place && dup2 (channel, place) == -1)
    return -1;
  closefrom (place + 1);
  return place;
}

static void
run_child (int channel, const struct errand_targets *targets)
{
  struct order order;

  channel = keep_only (channel);
  while (order_receive (channel, &order))
    start_errand (channel, targets, &order);
}

/* Whatever it is at: nobody takes the answer. */
static void
end_child (pid_t child)
{
  if (child <= 0)
    return;
  kill (child, SIGKILL);
  while (waitpid (child, NULL, 0) == -1 && errno == EINTR)
    ;
}

/* The relay's end of its channel; -1: reported. */
static int
make_child (const struct errand_targets *targets, pid_t *child)
{
  int channel[2] = { -1, -1 };

  *child = -1;
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) == 0)
    *child = fork ();
  if (*child == 0) {
    run_child (channel[1], targets);
    _exit (EXIT_SUCCESS);
  }
  cleanup_close (&channel[1]);
  if (*child > 0)
    return channel[0];
  message ("cannot start the relay's child process: %s", strerror (errno));
  cleanup_close (&channel[0]);
  return -1;
}

void
errand_keeper_run (int channel, const struct errand_targets *targets)
{
  struct order order;
  pid_t child = -1;

  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  channel = keep_only (channel);
  while (order_receive (channel, &order)) {
    end_child (child);
    CLEANUP_CLOSE int of_child = make_child (targets, &child);
    answer_send (channel, order.number, of_child);
  }
  end_child (child);
}
