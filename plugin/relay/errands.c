/* SPDX-License-Identifier: BSD-3-Clause */
/* The child process that connects and opens for the confined relay: one byte
 * says what is wanted, one byte comes back, with a descriptor or without. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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

enum errand {
  ERRAND_CONNECT = 'c',
  ERRAND_OPEN_KEYS = 'k',
  ERRAND_REMOVE = 'r'
};

/* What the child knows; the relay cannot change it. */
struct targets {
  const struct address *server;
  const char *keys;
  const struct listeners *listeners;
};

struct errands {
  pid_t pid;
  pthread_mutex_t lock; /* one errand after another */
  int channel;
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
do_errand (const struct targets *targets, enum errand errand)
{
  switch (errand) {
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

static int
send_answer (int channel, int fd)
{
  union control control = { 0 };
  char byte = 0;
  struct iovec part = { .iov_base = &byte, .iov_len = 1 };
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
  return sendmsg (channel, &header, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* The child's life.  It keeps stderr and the channel: with a listening socket
 * it would keep clients waiting after the relay's end. */
static void
serve (int channel, const struct targets *targets)
{
  char errand;

  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (dup2 (channel, STDERR_FILENO + 1) == -1)
    return;
  channel = STDERR_FILENO + 1;
  closefrom (channel + 1);
  while (recv (channel, &errand, 1, 0) == 1) {
    CLEANUP_CLOSE int fd = do_errand (targets, errand);

    if (send_answer (channel, fd) == -1)
      return;
  }
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
  return errands;

failed:
  message ("cannot start the relay's child process: %s", strerror (errno));
  cleanup_close (&channel[0]);
  cleanup_close (&channel[1]);
  free (errands);
  return NULL;
}

/* -1 without a word: the child has said why. */
static int
receive_answer (int channel)
{
  union control control;
  char byte;
  struct iovec part = { .iov_base = &byte, .iov_len = 1 };
  struct msghdr header = { .msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.space,
                           .msg_controllen = sizeof control.space };
  const struct cmsghdr *item;
  int fd = -1;

  if (recvmsg (channel, &header, MSG_CMSG_CLOEXEC) != 1) {
    message ("the relay's child process is gone; start the relay again");
    return -1;
  }
  item = CMSG_FIRSTHDR (&header);
  if (item && item->cmsg_type == SCM_RIGHTS)
    memcpy (&fd, CMSG_DATA (item), sizeof fd);
  return fd;
}

static int
run (struct errands *errands, enum errand errand)
{
  const char byte = errand;

  LOCK_IN_SCOPE (&errands->lock);
  /* A failure shows in the answer. */
  send (errands->channel, &byte, 1, MSG_NOSIGNAL);
  return receive_answer (errands->channel);
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
  pthread_mutex_destroy (&errands->lock);
  free (errands);
}
