/* SPDX-License-Identifier: BSD-3-Clause */
/* The relay's side of its errands: who wants one run orders it from the child,
 * and waits for the answer of that number.  If the child is gone its keeper is
 * asked for another, which is given all orders that have no answer. */

#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "plugin/relay/errand-child.h"
#include "plugin/relay/errand-orders.h"
#include "plugin/relay/errands.h"
#include "plugin/relay/message.h"

/* An order at which so many children ended is not given to one more. */
#define CHILDREN_AT_MOST 3

/* A thread of the relay that waits for what it has ordered; on its stack. */
struct waiting {
  struct waiting *next;
  struct order order;
  unsigned given; /* to so many children */
  bool answered;
  int fd; /* -1: none */
};

struct errands {
  pid_t keeper;
  int to_keeper; /* used by one thread at a time: at the start, or who receives
                  */
  pthread_mutex_t lock;
  pthread_cond_t answered;
  /* Under the lock: */
  int channel; /* to the child; -1: there is none */
  struct waiting *first;
  uint32_t last_number;
  bool receiving; /* one of those that wait, for all of them */
};

/* The channel to another child.  -1: there is none any more. */
static int
ask_for_child (struct errands *errands)
{
  const struct order order = { .kind = ERRAND_ANOTHER_CHILD };
  uint32_t number;
  int fd = -1;

  return order_send (errands->to_keeper, &order) &&
                 answer_receive (errands->to_keeper, &number, &fd)
             ? fd
             : -1;
}

static int
start_keeper (struct errands *errands, const struct errand_targets *targets)
{
  int channel[2] = { -1, -1 };

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) == 0)
    errands->keeper = fork ();
  if (errands->keeper == 0) {
    errand_keeper_run (channel[1], targets);
    _exit (EXIT_SUCCESS);
  }
  cleanup_close (&channel[1]);
  errands->to_keeper = channel[0];
  if (errands->keeper > 0)
    return 0;
  message ("cannot start the relay's child process: %s", strerror (errno));
  return -1;
}

struct errands *
errands_start (const struct address *server, const char *keys,
               const struct listeners *listeners)
{
  const struct errand_targets targets = { server, keys, listeners };
  struct errands *errands = malloc (sizeof *errands);

  if (errands == NULL) {
    message ("cannot start the relay's child process: %s", strerror (errno));
    return NULL;
  }
  *errands = (struct errands){ .keeper = -1, .to_keeper = -1, .channel = -1 };
  pthread_mutex_init (&errands->lock, NULL);
  pthread_cond_init (&errands->answered, NULL);
  if (start_keeper (errands, &targets) == 0)
    errands->channel = ask_for_child (errands);
  if (errands->channel >= 0)
    return errands;
  errands_end (errands);
  return NULL;
}

/* The lock is held. */
static void
give (struct errands *errands, struct waiting *one)
{
  one->given++;
  /* A failure shows in the answer. */
  order_send (errands->channel, &one->order);
}

/* The lock is held. */
static void
deliver (struct waiting *one, int fd)
{
  one->answered = true;
  one->fd = fd;
}

static struct waiting *
find (struct errands *errands, uint32_t number)
{
  struct waiting *one = errands->first;

  while (one && one->order.number != number)
    one = one->next;
  return one;
}

/* The lock is held. */
static void
give_again (struct errands *errands)
{
  for (struct waiting *one = errands->first; one; one = one->next) {
    if (one->answered)
      continue;
    if (one->given < CHILDREN_AT_MOST)
      give (errands, one);
    else
      deliver (one, -1);
  }
}

/* Without a keeper whoever comes would be refused for ever: it is better to end
 * and be started again, though clients lose their connections.  The lock is
 * held, but not while the keeper is at work; the descriptor of the old channel
 * is free by then, in case there is no other. */
static void
replace_child (struct errands *errands)
{
  int channel;

  close (errands->channel);
  errands->channel = -1;
  pthread_mutex_unlock (&errands->lock);
  channel = ask_for_child (errands);
  if (channel == -1) {
    message ("the relay's child processes are gone: it ends, and is to be "
             "started again");
    _exit (EXIT_FAILURE);
  }
  message ("the relay's child process is gone, and another one in its place");
  pthread_mutex_lock (&errands->lock);
  errands->channel = channel;
  give_again (errands);
}

/* For whoever waits, without the lock meanwhile. */
static void
receive_for_all (struct errands *errands)
{
  const int channel = errands->channel;
  struct waiting *one;
  uint32_t number = 0;
  bool received;
  int fd;

  errands->receiving = true;
  pthread_mutex_unlock (&errands->lock);
  received = answer_receive (channel, &number, &fd);
  pthread_mutex_lock (&errands->lock);
  if (!received)
    replace_child (errands);
  else if ((one = find (errands, number)) != NULL)
    deliver (one, fd);
  else
    cleanup_close (&fd);
  errands->receiving = false;
  /* Of those whose answer it was not one receives the next. */
  pthread_cond_broadcast (&errands->answered);
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

  LOCK_IN_SCOPE (&errands->lock);
  waiting.order =
      (struct order){ .number = ++errands->last_number, .kind = kind };
  waiting.next = errands->first;
  errands->first = &waiting;
  give (errands, &waiting);
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
  cleanup_close (&errands->channel);
  cleanup_close (&errands->to_keeper);
  while (errands->keeper > 0 && waitpid (errands->keeper, NULL, 0) == -1 &&
         errno == EINTR)
    ;
  pthread_cond_destroy (&errands->answered);
  pthread_mutex_destroy (&errands->lock);
  free (errands);
}
