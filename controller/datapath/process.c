/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts, watches and stops a child process.  A thread for each child forks it
 * and waits for its end; the child outlives a daemon that is killed, since the
 * connections it holds must not close before QEMU has closed them. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/datapath/process.h"

#define MILLISECONDS_TO_END 5000

/* What a thread of its own is to start, and how that went. */
struct start {
  char *const *argv;
  int listener;
  const char *log;
  sem_t done;
  char *error; /* NULL: it runs */
};

struct process {
  char *name;
  pid_t pid;
  int pidfd;
  pthread_t watcher;
  atomic_bool stopping;
  process_ended ended;
  void *opaque;
  struct start *start; /* only while it starts */
};

extern char **environ;

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
make_environment (char *listen_pid)
{
  static char listen_fds[] = "LISTEN_FDS=1";
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
  copy[used++] = listen_fds;
  copy[used++] = listen_pid;
  return copy;
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

/* In the child: only calls that are safe after a fork from threads.  The
 * descriptor of the log and the listener are above 3, so that dup2 to 3 takes
 * nothing from under them. */
static void __attribute__ ((noreturn))
run_child (const char *program, char *const *argv, char **environment,
           char *listen_pid, int listener, int log)
{
  sigset_t none;
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  int signal_number;

  /* Signals are blocked until here, so that none meets a handler of the daemon
   * in the child. */
  for (signal_number = 1; signal_number < NSIG; signal_number++)
    signal (signal_number, SIG_DFL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  setsid ();
  if (null != -1 && dup2 (null, 0) != -1 && dup2 (log, 1) != -1 &&
      dup2 (log, 2) != -1 && dup2 (listener, 3) != -1 &&
      close_range (4, ~0U, 0) == 0) {
    write_decimal (listen_pid + strlen ("LISTEN_PID="), getpid ());
    execve (program, argv, environment);
  }
  _exit (127);
}

/* A duplicate that is out of the way of the child's descriptors 0 to 3. */
static int
duplicate_above_three (int fd)
{
  return fcntl (fd, F_DUPFD_CLOEXEC, 4);
}

static pid_t
fork_child (char *const *argv, int listener, const char *log)
{
  CLEANUP_FREE char *program = find_program (argv[0]);
  CLEANUP_FREE char **environment = NULL;
  CLEANUP_CLOSE int log_file = -1, log_high = -1, listener_high = -1;
  char listen_pid[sizeof "LISTEN_PID=" + 16] = "LISTEN_PID=";
  pid_t pid;

  if (program == NULL)
    return fail_errno (ERROR_SYSTEM, "cannot find the program '%s' in PATH",
                       argv[0]);
  environment = make_environment (listen_pid);
  log_file = open (log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_file == -1)
    return fail_errno (ERROR_SYSTEM, "cannot write the log '%s'", log);
  log_high = duplicate_above_three (log_file);
  listener_high = duplicate_above_three (listener);
  if (environment == NULL || log_high == -1 || listener_high == -1)
    return fail_errno (ERROR_SYSTEM, "cannot start '%s'", program);

  pid = fork ();
  if (pid == 0)
    run_child (program, argv, environment, listen_pid, listener_high, log_high);
  if (pid == -1)
    return fail_errno (ERROR_SYSTEM, "cannot start '%s'", program);
  return pid;
}

/* A descriptor of the process, since its number may be given to another process
 * as soon as the watcher has reaped it. */
static int
open_process (struct process *process)
{
  process->pidfd = pidfd_open (process->pid, 0);
  if (process->pidfd != -1)
    return 0;
  kill (process->pid, SIGKILL);
  waitpid (process->pid, NULL, 0);
  return fail_errno (ERROR_SYSTEM, "cannot watch %s", process->name);
}

static void
wait_for_end (struct process *process)
{
  char how[64];
  int status;

  while (waitpid (process->pid, &status, 0) == -1 && errno == EINTR)
    ;
  if (process->stopping)
    return;
  if (WIFSIGNALED (status))
    snprintf (how, sizeof how, "was killed by signal %d", WTERMSIG (status));
  else
    snprintf (how, sizeof how, "ended with status %d", WEXITSTATUS (status));
  process->ended (process->opaque, process->name, how);
}

/* The thread that waits also forks: nbdkit asks the kernel for a signal when
 * its parent ends (1.32 does so unasked), and the parent is the thread. */
static void *
run_and_watch (void *opaque)
{
  struct process *process = opaque;
  struct start *start = process->start;
  sigset_t all;
  bool runs;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, NULL);
  process->pid = fork_child (start->argv, start->listener, start->log);
  runs = process->pid != -1 && open_process (process) == 0;
  if (!runs)
    start->error = strdup (error_message ());
  sem_post (&start->done);
  /* 'start' is gone from here on. */
  if (runs)
    wait_for_end (process);
  return NULL;
}

static void
process_free (struct process *process)
{
  if (process->pidfd != -1)
    close (process->pidfd);
  free (process->name);
  free (process);
}

/* -1: reported, and the thread has ended. */
static int
start_watcher (struct process *process, struct start *start)
{
  CLEANUP_FREE char *error = NULL;

  process->start = start;
  errno = pthread_create (&process->watcher, NULL, run_and_watch, process);
  if (errno)
    return fail_errno (ERROR_SYSTEM, "cannot watch %s", process->name);
  while (sem_wait (&start->done) == -1)
    ;
  process->start = NULL;
  if (process->pidfd != -1)
    return 0;
  pthread_join (process->watcher, NULL);
  error = start->error;
  return fail (ERROR_SYSTEM, "%s", error ? error : "out of memory");
}

struct process *
process_start (const char *name, char *const *argv, int listener,
               const char *log, process_ended ended, void *opaque)
{
  struct process *process = calloc (1, sizeof *process);
  struct start start = { .argv = argv, .listener = listener, .log = log };
  int result;

  if (process == NULL || (process->name = strdup (name)) == NULL) {
    free (process);
    fail_errno (ERROR_SYSTEM, "cannot start %s", name);
    return NULL;
  }
  process->ended = ended;
  process->opaque = opaque;
  process->pidfd = -1;
  sem_init (&start.done, 0, 0);
  result = start_watcher (process, &start);
  sem_destroy (&start.done);
  if (result == 0)
    return process;
  process_free (process);
  return NULL;
}

pid_t
process_pid (const struct process *process)
{
  return process->pid;
}

void
process_stop (struct process *process)
{
  struct pollfd ended;

  if (process == NULL)
    return;
  ended = (struct pollfd){ .fd = process->pidfd, .events = POLLIN };
  process->stopping = true;
  pidfd_send_signal (process->pidfd, SIGTERM, NULL, 0);
  if (poll (&ended, 1, MILLISECONDS_TO_END) == 0) {
    log_line ("%s did not end when asked to; it is killed", process->name);
    pidfd_send_signal (process->pidfd, SIGKILL, NULL, 0);
  }
  pthread_join (process->watcher, NULL);
  process_free (process);
}
