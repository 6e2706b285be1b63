/* SPDX-License-Identifier: BSD-3-Clause */
/* The control channel: a thread that reads lines from one controller at a time,
 * and watches the time of the tickets. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

#include "common/cleanup.h"
#include "plugin/relay/control-commands.h"
#include "plugin/relay/control.h"
#include "plugin/relay/message.h"
#include "plugin/relay/threads.h"

struct control {
  struct relay *relay;
  int listener;
  pthread_t thread;

  int fd;     /* the controller's; -1: none */
  char *line; /* CONTROL_MAX_LINE bytes */
  size_t length;
};

static void
hang_up (struct control *control)
{
  if (control->fd >= 0)
    close (STEAL_FD (control->fd));
  /* There are keys in it. */
  gnutls_memset (control->line, 0, CONTROL_MAX_LINE);
  control->length = 0;
}

static void
take_controller (struct control *control)
{
  const struct timeval limit = { .tv_sec = CONTROL_IDLE };

  control->fd = accept4 (control->listener, NULL, NULL, SOCK_CLOEXEC);
  if (control->fd >= 0)
    setsockopt (control->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static int
send_all (int fd, const char *text, size_t length)
{
  ssize_t r;

  for (; length > 0; text += r, length -= r) {
    r = send (fd, text, length, MSG_NOSIGNAL);
    if (r == -1 && errno == EINTR)
      r = 0;
    else if (r <= 0)
      return -1;
  }
  return 0;
}

/* Answers the complete lines, and keeps the rest. */
static int
answer_lines (struct control *control)
{
  char *next = control->line, *end;
  const char *const limit = control->line + control->length;

  for (; (end = memchr (next, '\n', limit - next)); next = end + 1) {
    CLEANUP_FREE char *answer = NULL;

    *end = '\0';
    if (strlen (next) == (size_t) (end - next))
      answer = control_answer (control->relay, next);
    if (answer == NULL || send_all (control->fd, answer, strlen (answer)) == -1)
      return -1;
  }
  control->length = limit - next;
  memmove (control->line, next, control->length);
  return control->length < CONTROL_MAX_LINE ? 0 : -1;
}

static int
read_controller (struct control *control)
{
  const ssize_t r = recv (control->fd, control->line + control->length,
                          CONTROL_MAX_LINE - control->length, 0);

  if (r == -1 && errno == EINTR)
    return 0;
  if (r <= 0)
    return -1;
  control->length += r;
  return answer_lines (control);
}

/* In poll's order. */
enum { DRAIN, LISTENER, CONTROLLER, COUNT };

static void *
serve (void *opaque)
{
  struct control *control = opaque;
  struct pollfd fds[COUNT] = {
    [DRAIN] = { .fd = control->relay->drain_fd, .events = POLLIN },
    [LISTENER] = { .events = POLLIN },
    [CONTROLLER] = { .events = POLLIN },
  };
  int ready, limit;

  for (;;) {
    const bool busy = control->fd >= 0;

    limit = tickets_expire (control->relay->tickets);
    if (busy && (limit == -1 || limit > CONTROL_IDLE * 1000))
      limit = CONTROL_IDLE * 1000;
    fds[LISTENER].fd = busy ? -1 : control->listener;
    fds[CONTROLLER].fd = control->fd;
    ready = poll (fds, COUNT, limit);
    if (ready > 0 && fds[DRAIN].revents)
      break;
    if (busy && ready == 0 && limit == CONTROL_IDLE * 1000)
      hang_up (control);
    else if (busy && ready > 0 && read_controller (control) == -1)
      hang_up (control);
    else if (!busy && ready > 0)
      take_controller (control);
  }
  hang_up (control);
  return NULL;
}

static void
control_free (struct control *control)
{
  free (control->line);
  free (control);
}

struct control *
control_start (struct relay *relay, int fd)
{
  struct control *control = calloc (1, sizeof *control);

  if (control == NULL || (control->line = malloc (CONTROL_MAX_LINE)) == NULL) {
    free (control);
    message ("%s", strerror (ENOMEM));
    return NULL;
  }
  control->relay = relay;
  control->listener = fd;
  control->fd = -1;
  if (fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK) == -1)
    message ("--control %d: %s", fd, strerror (errno));
  else if (thread_start (&control->thread, serve, control) == 0)
    return control;
  control_free (control);
  return NULL;
}

void
control_join (struct control *control)
{
  if (control == NULL)
    return;
  pthread_join (control->thread, NULL);
  control_free (control);
}
