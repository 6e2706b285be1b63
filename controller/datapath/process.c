/* SPDX-License-Identifier: BSD-3-Clause */
/* A thread for each process forks it, waits for its end and forks it again; the
 * process outlives a daemon that is killed, and the next daemon adopts it. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/datapath/process.h"

/* Longer than the relay takes for a client that stalls, five seconds until it
 * is cut off and two to take what nbdkit still has for it.  A relay killed
 * before that leaves nbdkit with answers for nobody, on which 1.32 aborts. */
#define MILLISECONDS_TO_END 10000

struct process {
  const struct child *child;
  struct process_watch watch;
  pthread_t watcher;
  sem_t started; /* the watcher has tried to start it */
  char *error;   /* how that failed */
  bool is_child; /* or adopted; the watcher's */

  pthread_mutex_t lock; /* of what follows */
  pid_t pid;
  int pidfd; /* since its number can be another's once it is reaped; -1: ended
              */
  bool stopping;
};

static bool
is_stopping (struct process *process)
{
  LOCK_IN_SCOPE (&process->lock);

  return process->stopping;
}

/* -1: reported.  One that is to stop is not started any more. */
static int
start (struct process *process)
{
  LOCK_IN_SCOPE (&process->lock);

  if (process->stopping)
    return fail (ERROR_SYSTEM, "%s is to end", process->child->name);
  process->pid = child_start (process->child);
  if (process->pid == -1)
    return -1;
  process->is_child = true;
  process->pidfd = pidfd_open (process->pid, 0);
  if (process->pidfd != -1)
    return 0;
  kill (process->pid, SIGKILL);
  waitpid (process->pid, NULL, 0);
  return fail_errno (ERROR_SYSTEM, "cannot watch %s", process->child->name);
}

/* Who adopted it is not told how it ended.  True: not by a signal that we do
 * not send. */
static bool
wait_for_end (struct process *process, char how[64])
{
  struct pollfd ended = { .fd = process->pidfd, .events = POLLIN };
  int status = 0;

  while (poll (&ended, 1, -1) != 1)
    ;
  LOCK_IN_SCOPE (&process->lock);
  if (!process->is_child)
    snprintf (how, 64, "has ended");
  else if (waitpid (process->pid, &status, 0) == -1)
    snprintf (how, 64, "has ended: %s", strerror (errno));
  else if (WIFSIGNALED (status))
    snprintf (how, 64, "was killed by signal %d", WTERMSIG (status));
  else
    snprintf (how, 64, "ended with status %d", WEXITSTATUS (status));
  close (STEAL_FD (process->pidfd));
  return !WIFSIGNALED (status) || WTERMSIG (status) == SIGTERM ||
         WTERMSIG (status) == SIGKILL;
}

/* The thread that waits also forks: nbdkit asks the kernel for a signal when
 * its parent ends (1.32 does so unasked), and the parent is the thread. */
static void *
run_and_watch (void *opaque)
{
  struct process *process = opaque;
  char how[64];
  sigset_t all;
  bool runs, as_asked;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, NULL);
  runs = process->pidfd != -1 || start (process) == 0;
  if (!runs)
    process->error = strdup (error_message ());
  sem_post (&process->started);

  while (runs) {
    as_asked = wait_for_end (process, how);
    if (is_stopping (process)) {
      if (!as_asked)
        log_line ("%s %s when it was to end", process->child->name, how);
      break;
    }
    if (!process->watch.ended (process->watch.opaque, how))
      break;
    runs = start (process) == 0;
    if (!runs && !is_stopping (process))
      process->watch.failed (process->watch.opaque, error_message ());
  }
  return NULL;
}

static void
process_free (struct process *process)
{
  cleanup_close (&process->pidfd);
  pthread_mutex_destroy (&process->lock);
  sem_destroy (&process->started);
  free (process->error);
  free (process);
}

/* 'pidfd' is taken over; -1: it is to be started. */
static struct process *
process_new (const struct child *child, const struct process_watch *watch,
             pid_t pid, int pidfd)
{
  struct process *process = calloc (1, sizeof *process);

  if (process == NULL) {
    cleanup_close (&pidfd);
    fail_errno (ERROR_SYSTEM, "cannot watch %s", child->name);
    return NULL;
  }
  process->child = child;
  process->watch = *watch;
  process->pid = pid;
  process->pidfd = pidfd;
  sem_init (&process->started, 0, 0);
  pthread_mutex_init (&process->lock, NULL);
  errno = pthread_create (&process->watcher, NULL, run_and_watch, process);
  if (errno == 0)
    return process;
  fail_errno (ERROR_SYSTEM, "cannot watch %s", child->name);
  process_free (process);
  return NULL;
}

struct process *
process_start (const struct child *child, const struct process_watch *watch)
{
  struct process *process = process_new (child, watch, 0, -1);

  if (process == NULL)
    return NULL;
  while (sem_wait (&process->started) == -1)
    ;
  if (process->error == NULL)
    return process;
  pthread_join (process->watcher, NULL);
  fail (ERROR_SYSTEM, "%s", process->error);
  process_free (process);
  return NULL;
}

struct process *
process_adopt (const struct child *child, const struct process_watch *watch,
               bool *running)
{
  pid_t pid;
  int pidfd = child_find (child->lock, &pid);

  *running = pidfd != -1;
  return *running ? process_new (child, watch, pid, pidfd) : NULL;
}

static void
insist (int pidfd, const char *name)
{
  log_line ("%s did not end when asked to; it is killed", name);
  pidfd_send_signal (pidfd, SIGKILL, NULL, 0);
}

static void
send_signal (struct process *process, int number)
{
  LOCK_IN_SCOPE (&process->lock);

  process->stopping = true;
  if (process->pidfd != -1 && number == SIGKILL)
    insist (process->pidfd, process->child->name);
  else if (process->pidfd != -1)
    pidfd_send_signal (process->pidfd, number, NULL, 0);
}

void
process_stop (struct process *process)
{
  struct timespec limit;

  if (process == NULL)
    return;
  send_signal (process, SIGTERM);
  clock_gettime (CLOCK_MONOTONIC, &limit);
  limit.tv_sec += MILLISECONDS_TO_END / 1000;
  if (pthread_clockjoin_np (process->watcher, NULL, CLOCK_MONOTONIC, &limit)) {
    send_signal (process, SIGKILL);
    pthread_join (process->watcher, NULL);
  }
  process_free (process);
}

void
process_end_found (const char *lock, const char *name)
{
  pid_t pid;
  CLEANUP_CLOSE int pidfd = child_find (lock, &pid);
  struct pollfd gone = { .fd = pidfd, .events = POLLIN };

  if (pidfd == -1)
    return;
  pidfd_send_signal (pidfd, SIGTERM, NULL, 0);
  if (poll (&gone, 1, MILLISECONDS_TO_END) != 1) {
    insist (pidfd, name);
    poll (&gone, 1, MILLISECONDS_TO_END);
  }
}
