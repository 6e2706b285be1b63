/* SPDX-License-Identifier: BSD-3-Clause */
/* Between fork and exec: descriptors, environment, signals, and the lock by
 * which a process is found again. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/datapath/child.h"
#include "controller/datapath/descriptors.h"

extern char **environ;

/* What the child needs, all made before: there nothing may be allocated.  The
 * child has it in common with us. */
struct launch {
  char *program;
  char *const *argv;
  char **environment;
  char listen_fds[sizeof "LISTEN_FDS=" + 16];
  char listen_pid[sizeof "LISTEN_PID=" + 16];
  int sockets[DESCRIPTORS_MAX];
  size_t nr_sockets;
  int log, lock;
  pid_t parent;
  int error; /* the child's errno where it does not execute */
};

static void
cleanup_launch (struct launch *launch)
{
  size_t i;

  free (launch->program);
  free (launch->environment);
  for (i = 0; i < launch->nr_sockets; i++)
    cleanup_close (&launch->sockets[i]);
  cleanup_close (&launch->log);
  cleanup_close (&launch->lock);
}
#define CLEANUP_LAUNCH __attribute__ ((cleanup (cleanup_launch)))

/* The path of a program by PATH, the caller's; fork's child may not search. */
static char *
find_program (const char *name)
{
  CLEANUP_FREE char *folders = NULL;
  const char *path = getenv ("PATH");
  char *folder, *rest;

  if (strchr (name, '/'))
    return strdup (name);
  folders = strdup (path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
  if (folders == NULL)
    return NULL;
  for (rest = folders; (folder = strsep (&rest, ":"));) {
    char *program;

    if (asprintf (&program, "%s/%s", folder, name) == -1)
      return NULL;
    if (access (program, X_OK) == 0)
      return program;
    free (program);
  }
  errno = ENOENT;
  return NULL;
}

/* The environment with LISTEN_FDS, and a LISTEN_PID whose digits the child
 * fills in: setenv is not safe between fork and exec. */
static char **
make_environment (struct launch *launch)
{
  char **copy;
  size_t count = 0, used = 0, i;

  while (environ[count])
    count++;
  copy = calloc (count + 3, sizeof *copy);
  if (copy == NULL)
    return NULL;
  for (i = 0; i < count; i++) {
    if (strncmp (environ[i], "LISTEN_", 7) != 0)
      copy[used++] = environ[i];
  }
  strcpy (launch->listen_pid, "LISTEN_PID=");
  snprintf (launch->listen_fds, sizeof launch->listen_fds, "LISTEN_FDS=%zu",
            launch->nr_sockets);
  copy[used++] = launch->listen_fds;
  copy[used++] = launch->listen_pid;
  return copy;
}

/* A duplicate that is out of the way of the child's descriptors. */
static int
duplicate_high (int fd)
{
  return fcntl (fd, F_DUPFD_CLOEXEC, CHILD_FIRST_SOCKET + DESCRIPTORS_MAX + 1);
}

static int
open_high (const char *path, int flags)
{
  CLEANUP_CLOSE int fd = open (path, flags | O_CREAT | O_CLOEXEC, 0600);

  return fd == -1 ? -1 : duplicate_high (fd);
}

static int
prepare (struct launch *launch, const struct child *child)
{
  launch->log = launch->lock = -1;
  launch->parent = getpid ();
  launch->argv = child->argv;
  launch->program = find_program (child->argv[0]);
  if (launch->program == NULL)
    return fail_errno (ERROR_SYSTEM, "cannot find the program '%s' in PATH",
                       child->argv[0]);
  while (launch->nr_sockets < child->nr_sockets) {
    const size_t i = launch->nr_sockets++;

    launch->sockets[i] = duplicate_high (child->sockets[i]);
    if (launch->sockets[i] == -1)
      return fail_errno (ERROR_SYSTEM, "cannot start '%s'", child->name);
  }
  launch->environment = make_environment (launch);
  launch->log = open_high (child->log, O_WRONLY | O_APPEND);
  if (launch->log == -1)
    return fail_errno (ERROR_SYSTEM, "cannot write the log '%s'", child->log);
  launch->lock = open_high (child->lock, O_RDWR);
  if (launch->lock == -1)
    return fail_errno (ERROR_SYSTEM, "cannot write '%s'", child->lock);
  return launch->environment
             ? 0
             : fail_errno (ERROR_SYSTEM, "cannot start '%s'", child->name);
}

static void
write_decimal (char *digits, unsigned value)
{
  char reversed[16];
  size_t count = 0;

  do
    reversed[count++] = '0' + value % 10;
  while (value /= 10);
  while (count > 0)
    *digits++ = reversed[--count];
  *digits = '\0';
}

/* The lock is of the process, not of the descriptor, and lasts beyond exec.  It
 * goes when the process closes the file, so that it is taken when all but the
 * last descriptor of it are closed; whose parent has died before nobody would
 * look for. */
static bool
take_lock (const struct launch *launch, int fd)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

  return fcntl (fd, F_SETLK, &lock) == 0 && getppid () == launch->parent;
}

static bool
place_descriptors (const struct launch *launch)
{
  const int lock = CHILD_FIRST_SOCKET + (int) launch->nr_sockets;
  const int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  size_t i;

  if (null == -1 || dup2 (null, 0) == -1 || dup2 (launch->log, 1) == -1 ||
      dup2 (launch->log, 2) == -1)
    return false;
  for (i = 0; i < launch->nr_sockets; i++) {
    if (dup2 (launch->sockets[i], CHILD_FIRST_SOCKET + (int) i) == -1)
      return false;
  }
  return dup2 (launch->lock, lock) != -1 &&
         close_range (lock + 1, ~0U, 0) == 0 && take_lock (launch, lock);
}

/* In the child: only calls that are safe after a fork from threads, and nothing
 * that our memory must not see.  Signals are blocked until here, so that none
 * meets a handler of the daemon. */
static void __attribute__ ((noreturn)) run (struct launch *launch)
{
  sigset_t none;
  int signal_number;

  for (signal_number = 1; signal_number < NSIG; signal_number++)
    signal (signal_number, SIG_DFL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  setsid ();
  if (place_descriptors (launch)) {
    write_decimal (launch->listen_pid + strlen ("LISTEN_PID="), getpid ());
    execve (launch->program, launch->argv, launch->environment);
  }
  launch->error = errno;
  _exit (127);
}

pid_t
child_start (const struct child *child)
{
  CLEANUP_LAUNCH struct launch launch = { 0 };
  pid_t pid;

  if (prepare (&launch, child) == -1)
    return -1;
  /* To copy the tables of our memory takes longer than all the rest.  This
   * thread goes on when the child executes, when also its lock is held. */
  pid = vfork ();
  if (pid == 0)
    run (&launch);
  if (pid == -1)
    return fail_errno (ERROR_SYSTEM, "cannot start '%s'", launch.program);
  if (launch.error == 0)
    return pid;
  waitpid (pid, NULL, 0);
  errno = launch.error;
  return fail_errno (ERROR_SYSTEM, "cannot execute '%s'", launch.program);
}

/* 0: nobody. */
static pid_t
holder (int file)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

  return fcntl (file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK
             ? lock.l_pid
             : 0;
}

int
child_find (const char *lock, pid_t *pid)
{
  CLEANUP_CLOSE int file = open (lock, O_RDWR | O_CLOEXEC);
  CLEANUP_CLOSE int pidfd = -1;

  if (file == -1)
    return -1;
  *pid = holder (file);
  if (*pid <= 1)
    return -1;
  /* First a hold on the process, then the question whether it still is. */
  pidfd = pidfd_open (*pid, 0);
  return pidfd != -1 && holder (file) == *pid ? STEAL_FD (pidfd) : -1;
}
