/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts the hook, waits for its end within a time limit, and says how that
 * was.  Its output goes to standard error. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/quiesce/hook.h"

extern char **environ;

/* In a group of its own, and with the signals that this process ignores. */
static int
start (char *line, pid_t *pid)
{
  char *const argv[] = { (char *) "sh", (char *) "-c", line, NULL };
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t all;
  int r;

  sigfillset (&all);
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2 (&actions, 2, 1);
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setflags (&attributes,
                            POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigdefault (&attributes, &all);
  r = posix_spawn (pid, "/bin/sh", &actions, &attributes, argv, environ);
  posix_spawnattr_destroy (&attributes);
  posix_spawn_file_actions_destroy (&actions);
  return r;
}

/* Whether it ended by itself. */
static bool
wait_for_end (pid_t pid, int limit_ms, int *status)
{
  CLEANUP_CLOSE int pidfd = pidfd_open (pid, 0);
  struct pollfd ended = { .fd = pidfd, .events = POLLIN };
  int r = 0;

  if (pidfd != -1)
    do
      r = poll (&ended, 1, limit_ms);
    while (r == -1 && errno == EINTR);
  if (r != 1)
    kill (-pid, SIGKILL);
  while (waitpid (pid, status, 0) == -1 && errno == EINTR)
    ;
  return r == 1;
}

int
hook_run (const char *command, const char *word, int limit_ms)
{
  CLEANUP_FREE char *line = NULL;
  pid_t pid;
  int status;

  if (asprintf (&line, "%s %s", command, word) == -1) {
    line = NULL;
    return fail_errno (ERROR_SYSTEM, "hook");
  }
  errno = start (line, &pid);
  if (errno)
    return fail_errno (ERROR_SYSTEM, "the hook '%s' cannot be run", line);
  if (!wait_for_end (pid, limit_ms, &status))
    return fail (ERROR_CONFLICT,
                 "the hook '%s' took more than %d s and was killed", line,
                 limit_ms / 1000);
  if (WIFSIGNALED (status))
    return fail (ERROR_CONFLICT, "the hook '%s' was killed by signal %d", line,
                 WTERMSIG (status));
  if (WEXITSTATUS (status) != 0)
    return fail (ERROR_CONFLICT, "the hook '%s' failed with status %d", line,
                 WEXITSTATUS (status));
  return 0;
}
