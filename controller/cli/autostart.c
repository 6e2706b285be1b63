/* SPDX-License-Identifier: BSD-3-Clause */
/* A daemon of one's own, started when it is first needed.  It owns itself: it
 * ends when it has been idle for a while. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "common/cleanup.h"
#include "controller/cli/autostart.h"
#include "controller/cli/reply.h"
#include "controller/common/error.h"
#include "controller/common/paths.h"

#define LIMIT_SECONDS 20
#define IDLE_EXIT     "300"

/* What pullbackd ends with if another one has the run folder: someone else
 * started it at the same time, or the last one is just ending. */
#define EXIT_ANOTHER_RUNS 3

static int
ping (pullback_handle *handle)
{
  CLEANUP_FREE char *reply = pullback_version (handle);

  return reply ? 0 : fail_as_client ();
}

/* Beside the running program, in sbin beside its bin, or by PATH: an installed
 * CLI starts the daemon that it was installed with. */
static char *
find_daemon (void)
{
  static const char *const places[] = { "../sbin/pullbackd", "pullbackd" };
  char self[4096];
  ssize_t length = readlink ("/proc/self/exe", self, sizeof self - 1);
  char *path, *slash;
  size_t i;

  self[length > 0 ? length : 0] = '\0';
  slash = strrchr (self, '/');
  for (i = 0; slash && i < sizeof places / sizeof places[0]; i++) {
    slash[1] = '\0';
    if (asprintf (&path, "%s%s", self, places[i]) == -1)
      break;
    if (access (path, X_OK) == 0)
      return path;
    free (path);
  }
  path = strdup ("pullbackd");
  if (path == NULL)
    fail_errno (ERROR_SYSTEM, "pullbackd");
  return path;
}

/* A session of its own: the terminal's signals are not for the daemon.  The
 * working directory is left, so that a file system can be unmounted. */
static pid_t
spawn (const char *program, int log)
{
  char *const argv[] = { "pullbackd", "--idle-exit", IDLE_EXIT, NULL };
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t none;
  pid_t pid = -1;
  int error;

  sigemptyset (&none);
  posix_spawn_file_actions_init (&files);
  posix_spawn_file_actions_addopen (&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2 (&files, log, 1);
  posix_spawn_file_actions_adddup2 (&files, log, 2);
  posix_spawn_file_actions_addclosefrom_np (&files, 3);
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setsigmask (&attributes, &none);
  posix_spawnattr_setflags (&attributes,
                            POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  error = posix_spawnp (&pid, program, &files, &attributes, argv, environ);
  posix_spawn_file_actions_destroy (&files);
  posix_spawnattr_destroy (&attributes);
  if (error == 0)
    return pid;
  errno = error;
  return fail_errno (ERROR_SYSTEM,
                     "no daemon runs, and '%s' cannot be started; is it "
                     "installed?",
                     program);
}

/* What the log says since 'from', its last line without the line end. */
static void
last_line (int log, off_t from, char *line, size_t size)
{
  char text[4096];
  off_t end = lseek (log, 0, SEEK_END);
  ssize_t length;
  char *start;

  if (end - from > (off_t) sizeof text - 1)
    from = end - (off_t) sizeof text + 1;
  length = pread (log, text, sizeof text - 1, from);
  while (length > 0 && text[length - 1] == '\n')
    length--;
  text[length > 0 ? length : 0] = '\0';
  start = strrchr (text, '\n');
  snprintf (line, size, "%.*s", (int) size - 1, start ? start + 1 : text);
}

/* 1: it has ended because another one runs.  -1: it failed, reported. */
static int
has_failed (pid_t pid, int log, off_t from, const char *log_path)
{
  char line[1024];
  int status;

  if (waitpid (pid, &status, WNOHANG) != pid)
    return 0;
  if (WIFEXITED (status) &&
      (WEXITSTATUS (status) == EXIT_ANOTHER_RUNS || WEXITSTATUS (status) == 0))
    return 1;
  last_line (log, from, line, sizeof line);
  return fail (ERROR_SYSTEM,
               "the daemon was started and ended at once (its log is %s): %s",
               log_path, line);
}

static long long
now_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

/* Two at once start two daemons, of which the run folder's lock lets one live:
 * whose it is does not matter. */
static int
start_and_wait (pullback_handle *handle, const char *program, int log,
                const char *log_path)
{
  const struct timespec moment = { .tv_nsec = 20 * 1000 * 1000 };
  const long long limit = now_seconds () + LIMIT_SECONDS;
  off_t from = lseek (log, 0, SEEK_END);
  pid_t pid = -1;

  while (now_seconds () < limit) {
    int ended = 1;

    if (pid != -1)
      ended = has_failed (pid, log, from, log_path);
    if (ended == -1)
      return -1;
    if (ping (handle) == 0)
      return 0;
    if (pullback_error_kind () != PULLBACK_ERROR_UNREACHABLE)
      return -1;
    if (ended && (pid = spawn (program, log)) == -1)
      return -1;
    nanosleep (&moment, NULL);
  }
  return fail (ERROR_UNREACHABLE,
               "the daemon was started and does not answer at %s within %d "
               "seconds; its log is %s",
               pullback_uri (handle), LIMIT_SECONDS, log_path);
}

int
autostart (pullback_handle *handle)
{
  CLEANUP_PATHS struct paths paths = { 0 };
  CLEANUP_FREE char *program = NULL;
  CLEANUP_FREE char *log_path = NULL;
  CLEANUP_CLOSE int log = -1;

  if (ping (handle) == 0)
    return 0;
  if (pullback_error_kind () != PULLBACK_ERROR_UNREACHABLE ||
      paths_default (&paths) == -1 || paths_make_private (paths.state) == -1)
    return -1;
  program = find_daemon ();
  if (program == NULL)
    return -1;
  if (asprintf (&log_path, "%s/pullbackd.log", paths.state) == -1) {
    log_path = NULL;
    return fail_errno (ERROR_SYSTEM, "the daemon's log");
  }
  log = open (log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log == -1)
    return fail_errno (ERROR_SYSTEM, "cannot open the daemon's log %s",
                       log_path);
  return start_and_wait (handle, program, log, log_path);
}
