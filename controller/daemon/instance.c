/* SPDX-License-Identifier: BSD-3-Clause */
/* The pid file's lock decides which daemon has the run folder; everything else
 * follows from holding it. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/common/paths.h"
#include "controller/daemon/instance.h"

/* A daemon that is asked to make room answers the requests that it has first.
 */
#define REPLACE_SECONDS 120
#define REPLACE_PAUSE   20 /* milliseconds between two looks */

/* A daemon that ends removes its pid file: whoever had opened that one before
 * holds the lock of a file that nobody else will ever see. */
static bool
is_still_there (int fd, const char *path)
{
  struct stat opened, named;

  return fstat (fd, &opened) == 0 && stat (path, &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static int
refuse_second (int fd, const char *path)
{
  char pid[32] = "";
  ssize_t n = pread (fd, pid, sizeof pid - 1, 0);

  pid[n > 0 ? n : 0] = '\0';
  pid[strcspn (pid, "\n")] = '\0';
  return fail (ERROR_CONFLICT,
               "another pullbackd%s%s%s runs in this folder and holds %s",
               pid[0] ? " (pid " : "", pid, pid[0] ? ")" : "", path);
}

/* Whom the kernel names: a pid in a file may be anybody's by now.  Once each,
 * it is at work on it then. */
static void
ask_to_make_room (int fd, pid_t *asked)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

  if (fcntl (fd, F_GETLK, &lock) == -1 || lock.l_type == F_UNLCK ||
      lock.l_pid <= 0 || lock.l_pid == *asked)
    return;
  log_line ("pullbackd (pid %ld) is asked to make room", (long) lock.l_pid);
  *asked = lock.l_pid;
  kill (*asked, SIGUSR1);
}

/* The lock is the process's, not the descriptor's: a child that is about to
 * execute its program when the daemon is killed does not hold it. */
static int
lock_pid_file (const char *path, bool replace)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  unsigned looks = replace ? REPLACE_SECONDS * 1000 / REPLACE_PAUSE : 0;
  pid_t asked = 0;

  for (;;) {
    CLEANUP_CLOSE int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd == -1)
      return fail_errno (ERROR_SYSTEM, "cannot open the pid file %s", path);
    if (fcntl (fd, F_SETLK, &lock) == -1) {
      if (errno != EAGAIN && errno != EACCES)
        return fail_errno (ERROR_SYSTEM, "cannot lock %s", path);
      if (looks-- == 0)
        return refuse_second (fd, path);
      ask_to_make_room (fd, &asked);
      poll (NULL, 0, REPLACE_PAUSE);
      continue;
    }
    if (!is_still_there (fd, path))
      continue;
    if (ftruncate (fd, 0) == -1 || dprintf (fd, "%ld\n", (long) getpid ()) < 0)
      return fail_errno (ERROR_SYSTEM, "cannot write %s", path);
    return STEAL_FD (fd);
  }
}

/* With the lock held, a socket of that name is a dead daemon's.  The umask
 * makes it private from the first moment; chmod afterwards would leave a gap.
 */
static int
listen_on (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  CLEANUP_CLOSE int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  mode_t mask;
  int bound;

  if (fd == -1)
    return fail_errno (ERROR_SYSTEM, "socket");
  strncpy (address.sun_path, path, sizeof address.sun_path - 1);
  unlink (path);
  mask = umask (0177);
  bound = bind (fd, (struct sockaddr *) &address, sizeof address);
  umask (mask);
  if (bound == -1 || listen (fd, 64) == -1)
    return fail_errno (ERROR_SYSTEM, "cannot listen on %s", path);
  return STEAL_FD (fd);
}

int
instance_open (struct instance *instance, const char *run_folder, bool replace)
{
  *instance = (struct instance){ .lock = -1, .socket = -1 };
  instance->socket_path = paths_socket (run_folder);
  instance->pid_path = paths_pid_file (run_folder);
  if (instance->socket_path && instance->pid_path &&
      paths_make_private (run_folder) == 0)
    instance->lock = lock_pid_file (instance->pid_path, replace);
  if (instance->lock >= 0)
    instance->socket = listen_on (instance->socket_path);
  if (instance->socket >= 0)
    return 0;
  instance_close (instance);
  return -1;
}

void
instance_hide (struct instance *instance)
{
  if (instance->socket >= 0)
    unlink (instance->socket_path);
}

void
instance_close (struct instance *instance)
{
  instance_hide (instance);
  if (instance->socket >= 0)
    close (instance->socket);
  /* Removed before the lock goes: the next daemon makes a file of its own. */
  if (instance->lock >= 0) {
    unlink (instance->pid_path);
    close (instance->lock);
  }
  free (instance->socket_path);
  free (instance->pid_path);
  *instance = (struct instance){ .lock = -1, .socket = -1 };
}
