/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts pullback-freezer and reads what it says.  It detaches itself, so that
 * there is nothing to wait for; the socket to it is what holds the guest
 * frozen. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/quiesce/freezer.h"

/* Beyond the limits of its steps, for all that it does beside. */
#define MARGIN_SECONDS 10

struct freezer {
  struct freezer_request request; /* a copy, with strings of its own */
  char *agent, *hook;
  int socket; /* to it, and from it */
  unsigned count;
  uint64_t since;
};

extern char **environ;

static uint64_t
now_microseconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (uint64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
freezer_free (struct freezer *freezer)
{
  if (freezer->socket >= 0)
    close (freezer->socket);
  free (freezer->agent);
  free (freezer->hook);
  free (freezer);
}

static struct freezer *
freezer_new (const struct freezer_request *request)
{
  struct freezer *freezer = calloc (1, sizeof *freezer);

  if (freezer == NULL) {
    fail_errno (ERROR_SYSTEM, "quiesce");
    return NULL;
  }
  freezer->socket = -1;
  freezer->agent = request->agent ? strdup (request->agent) : NULL;
  freezer->hook = request->hook ? strdup (request->hook) : NULL;
  if (!freezer->agent == !!request->agent ||
      !freezer->hook == !!request->hook) {
    freezer_free (freezer);
    fail (ERROR_SYSTEM, "out of memory");
    return NULL;
  }
  freezer->request = (struct freezer_request){ .agent = freezer->agent,
                                               .hook = freezer->hook,
                                               .seconds = request->seconds };
  return freezer;
}

/* With the socket as standard input and output, and nothing else of ours. */
static int
spawn (char *const *argv, int socket)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t all, none;
  pid_t pid;
  int r, status;

  sigfillset (&all);
  sigemptyset (&none);
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, socket, 0);
  posix_spawn_file_actions_adddup2 (&actions, socket, 1);
  posix_spawn_file_actions_addclosefrom_np (&actions, 3);
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGDEF |
                                             POSIX_SPAWN_SETSIGMASK |
                                             POSIX_SPAWN_SETSID);
  posix_spawnattr_setsigdefault (&attributes, &all);
  posix_spawnattr_setsigmask (&attributes, &none);
  r = posix_spawnp (&pid, argv[0], &actions, &attributes, argv, environ);
  posix_spawnattr_destroy (&attributes);
  posix_spawn_file_actions_destroy (&actions);
  errno = r;
  if (r)
    return fail_errno (ERROR_SYSTEM, "cannot start '%s'", argv[0]);
  /* It goes on in a process of its own, and this one ends at once. */
  while (waitpid (pid, &status, 0) == -1)
    if (errno != EINTR)
      break;
  return 0;
}

/* Sets the socket; 'thaw': there is nothing to freeze any more. */
static int
start (struct freezer *freezer, bool thaw)
{
  const char *program = getenv ("PULLBACK_FREEZER");
  char seconds[16];
  const char *argv[8];
  int pair[2], n = 0, r;

  snprintf (seconds, sizeof seconds, "%u", freezer->request.seconds);
  argv[n++] = program ? program : PKGLIBEXECDIR "/pullback-freezer";
  if (thaw)
    argv[n++] = "--thaw";
  argv[n++] = "--seconds";
  argv[n++] = seconds;
  argv[n++] = freezer->agent ? freezer->agent : "";
  argv[n++] = freezer->hook ? freezer->hook : "";
  argv[n] = NULL;
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
    return fail_errno (ERROR_SYSTEM, "cannot make a socket");
  r = spawn ((char *const *) argv, pair[1]);
  close (pair[1]);
  freezer->socket = pair[0];
  return r;
}

/* One line without its end, in 'text'.  1: it came, 0: it did not, and never
 * will, -1: it did not in time. */
static int
hear_line (struct freezer *freezer, unsigned seconds, char *text, size_t size)
{
  const uint64_t until = now_microseconds () + seconds * UINT64_C (1000000);
  size_t length = 0;

  while (length + 1 < size) {
    struct pollfd ready = { .fd = freezer->socket, .events = POLLIN };
    const uint64_t now = now_microseconds ();
    ssize_t n;

    if (now >= until)
      return -1;
    if (poll (&ready, 1, (int) ((until - now) / 1000) + 1) <= 0)
      continue;
    n = read (freezer->socket, text + length, 1);
    if (n == 0 || (n == -1 && errno != EINTR))
      return 0;
    if (n == 1 && text[length] == '\n') {
      text[length] = '\0';
      return 1;
    }
    length += n == 1;
  }
  return 0;
}

/* It was killed, or is not what it should be: another one thaws. */
static int
thaw_anew (struct freezer *freezer)
{
  fail (ERROR_SYSTEM, "pullback-freezer, which keeps the guest frozen, ended "
                      "before it was told to");
  close (freezer->socket);
  freezer->socket = -1;
  if (start (freezer, true) == -1)
    log_line ("the guest may still be frozen: %s", error_message ());
  return fail (ERROR_SYSTEM,
               "pullback-freezer, which keeps the guest frozen, ended before "
               "it was told to; another one thaws it");
}

/* What it says; -1: that it failed, reported. */
static int
hear (struct freezer *freezer, unsigned seconds, char *text, size_t size)
{
  switch (hear_line (freezer, seconds, text, size)) {
  case 0:
    return thaw_anew (freezer);
  case -1:
    return fail (ERROR_SYSTEM,
                 "pullback-freezer did not answer within %u s; it thaws the "
                 "guest when it can",
                 seconds);
  default:
    break;
  }
  if (strncmp (text, FREEZER_FAILED, strlen (FREEZER_FAILED)) == 0) {
    char *message;
    long kind = strtol (text + strlen (FREEZER_FAILED), &message, 10);

    return fail ((enum error_kind) kind, "%s", message + (*message == ' '));
  }
  return 0;
}

struct freezer *
freezer_start (const struct freezer_request *request)
{
  struct freezer *freezer = freezer_new (request);
  char text[4096];

  if (freezer == NULL)
    return NULL;
  if (start (freezer, false) == -1 ||
      /* a hook, three answers of the agent; and thawing, where that fails */
      hear (freezer, 7 * request->seconds + MARGIN_SECONDS, text,
            sizeof text) == -1) {
    freezer_free (freezer);
    return NULL;
  }
  if (strncmp (text, FREEZER_FROZEN, strlen (FREEZER_FROZEN)) != 0) {
    thaw_anew (freezer);
    freezer_free (freezer);
    return NULL;
  }
  freezer->count = strtoul (text + strlen (FREEZER_FROZEN), NULL, 10);
  freezer->since = now_microseconds ();
  return freezer;
}

unsigned
freezer_count (const struct freezer *freezer)
{
  return freezer->count;
}

int
freezer_end (struct freezer *freezer, uint64_t *microseconds)
{
  char text[4096];
  int r;

  *microseconds = 0;
  if (freezer == NULL)
    return 0;
  /* One that is gone is heard of below. */
  send (freezer->socket, "\n", 1, MSG_NOSIGNAL);
  r = hear (freezer, 3 * freezer->request.seconds + MARGIN_SECONDS, text,
            sizeof text);
  *microseconds = now_microseconds () - freezer->since;
  if (r == 0 && strcmp (text, FREEZER_THAWED) != 0)
    r = thaw_anew (freezer);
  freezer_free (freezer);
  return r;
}
