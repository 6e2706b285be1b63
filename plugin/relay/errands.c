/* SPDX-License-Identifier: BSD-3-Clause */
/* The child process that connects and opens for the confined relay: a message
 * says what is wanted, its number comes back, with a descriptor or without.
 * Each errand has a thread of the child's: one that takes long, as a server
 * does that cannot be reached, delays no other. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "plugin/relay/address.h"
#include "plugin/relay/errands.h"
#include "plugin/relay/listener.h"
#include "plugin/relay/message.h"
#include "plugin/relay/threads.h"

enum errand_kind {
  ERRAND_CONNECT = 'c',
  ERRAND_OPEN_KEYS = 'k',
  ERRAND_REMOVE = 'r'
};

struct order {
  uint32_t number;
  enum errand_kind kind;
};

/* What the child knows; the relay cannot change it. */
struct targets {
  const struct address *server;
  const char *keys;
  const struct listeners *listeners;
};

/* A thread of the relay that waits for what it has ordered; on its stack. */
struct waiting {
  struct waiting *next;
  uint32_t number;
  bool answered;
  int fd; /* -1: none */
};

struct errands {
  pid_t pid;
  int channel;
  pthread_mutex_t lock;
  pthread_cond_t answered;
  /* Under the lock: */
  struct waiting *first;
  uint32_t last_number;
  bool receiving; /* one of those that wait, for all of them */
};

/* One errand in the child, owned by its thread. */
struct errand {
  int channel;
  const struct targets *targets;
  struct order order;
};

/* One descriptor beside the data. */
union control {
  struct cmsghdr alignment;
  char space[CMSG_SPACE (sizeof (int))];
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
do_errand (const struct targets *targets, enum errand_kind kind)
{
  switch (kind) {
  case ERRAND_CONNECT:
    return address_connect (targets->server);
  case ERRAND_OPEN_KEYS:
    return open_keys (targets->keys);
  case ERRAND_REMOVE:
    listeners_remove (targets->listeners);
    break;
  }
  return -1;
}

/* If the relay is gone so is who wanted it. */
static void
send_answer (int channel, uint32_t number, int fd)
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

static void *
errand_thread (void *opaque)
{
  CLEANUP_FREE struct errand *errand = opaque;
  CLEANUP_CLOSE int fd = do_errand (errand->targets, errand->order.kind);

  send_answer (errand->channel, errand->order.number, fd);
  return NULL;
}

static void
start_errand (int channel, const struct targets *targets,
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
  send_answer (channel, order->number, -1);
}

/* The child's life.  It keeps stderr and the channel: with a listening socket
 * it would keep clients waiting after the relay's end. */
static void
serve (int channel, const struct targets *targets)
{
  struct order order;

  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (dup2 (channel, STDERR_FILENO + 1) == -1)
    return;
  channel = STDERR_FILENO + 1;
  closefrom (channel + 1);
  while (recv (channel, &order, sizeof order, 0) == sizeof order)
    start_errand (channel, targets, &order);
}

struct errands *
errands_start (const struct address *server, const char *keys,
               const struct listeners *listeners)
{
  const struct targets targets = { server, keys, listeners };
  struct errands *errands = calloc (1, sizeof *errands);
  int channel[2] = { -1, -1 };

  if (errands == NULL ||
      socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) == -1)
    goto failed;
  errands->pid = fork ();
  if (errands->pid == -1)
    goto failed;
  if (errands->pid == 0) {
    serve (channel[1], &targets);
    _exit (EXIT_SUCCESS);
  }
  close (channel[1]);
  errands->channel = channel[0];
  pthread_mutex_init (&errands->lock, NULL);
  pthread_cond_init (&errands->answered, NULL);
  return errands;

failed:
  message ("cannot start the relay's child process: %s", strerror (errno));
  cleanup_close (&channel[0]);
  cleanup_close (&channel[1]);
  free (errands);
  return NULL;
}

/* The next answer to anybody.  False: the child is gone. */
static bool
receive_answer (int channel, uint32_t *number, int *fd)
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

/* To whom it belongs; to all, if none can come any more.  The lock is held. */
static void
deliver (struct errands *errands, bool to_all, uint32_t number, int fd)
{
  for (struct waiting *one = errands->first; one; one = one->next)
    if (to_all || one->number == number) {
      one->answered = true;
      one->fd = fd;
    }
  pthread_cond_broadcast (&errands->answered);
}

/* For whoever waits, without the lock meanwhile. */
static void
receive_for_all (struct errands *errands)
{
  uint32_t number = 0;
  bool received;
  int fd;

  errands->receiving = true;
  pthread_mutex_unlock (&errands->lock);
  received = receive_answer (errands->channel, &number, &fd);
  if (!received)
    message ("the relay's child process is gone; start the relay again");
  pthread_mutex_lock (&errands->lock);
  errands->receiving = false;
  deliver (errands, !received, number, fd);
}

/* Takes it from the list.  The lock is held. */
static void
forget (struct errands *errands, const struct waiting *waiting)
{
  struct waiting **place = &errands->first;

  while (*place != waiting)
    place = &(*place)->next;
  *place = waiting->next;
}

/* -1 without a word: the child has said why. */
static int
run (struct errands *errands, enum errand_kind kind)
{
  struct waiting waiting = { .fd = -1 };
  struct order order = { .kind = kind };

  LOCK_IN_SCOPE (&errands->lock);
  order.number = waiting.number = ++errands->last_number;
  waiting.next = errands->first;
  errands->first = &waiting;
  /* A failure shows in the answer. */
  send (errands->channel, &order, sizeof order, MSG_NOSIGNAL);
  while (!waiting.answered)
    if (errands->receiving)
      pthread_cond_wait (&errands->answered, &errands->lock);
    else
      receive_for_all (errands);
  forget (errands, &waiting);
  return waiting.fd;
}

int
errands_connect (struct errands *errands)
{
  return run (errands, ERRAND_CONNECT);
}

int
errands_open_keys (struct errands *errands)
{
  return run (errands, ERRAND_OPEN_KEYS);
}

void
errands_remove_sockets (struct errands *errands)
{
  run (errands, ERRAND_REMOVE);
}

void
errands_end (struct errands *errands)
{
  close (errands->channel);
  while (waitpid (errands->pid, NULL, 0) == -1 && errno == EINTR)
    ;
  pthread_cond_destroy (&errands->answered);
  pthread_mutex_destroy (&errands->lock);
  free (errands);
}
