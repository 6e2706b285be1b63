/* SPDX-License-Identifier: BSD-3-Clause */
/* A confined process as an attacker who has taken it over finds it: what is out
 * of reach, and that what serving takes still works. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plugin/relay/confinement.h"

static int failures;

static void
refused (const char *what, long result)
{
  if (result == -1 && (errno == ENOSYS || errno == EPERM || errno == EACCES))
    return;
  fprintf (stderr, "FAIL: %s is not refused: %ld, %s\n", what, result,
           strerror (errno));
  failures++;
}

static void
works (const char *what, bool does)
{
  if (does)
    return;
  fprintf (stderr, "FAIL: %s does not work: %s\n", what, strerror (errno));
  failures++;
}

static void *
thread (void *opaque)
{
  return memset (opaque, 1, 1);
}

static bool
can_start_threads (void)
{
  pthread_t one;
  char done = 0;

  return pthread_create (&one, NULL, thread, &done) == 0 &&
         pthread_join (one, NULL) == 0 && done;
}

static bool
can_move_bytes (void)
{
  int first[2], second[2];
  char byte = 0;

  return pipe2 (first, O_CLOEXEC) == 0 && pipe2 (second, O_CLOEXEC) == 0 &&
         write (first[1], "x", 1) == 1 &&
         splice (first[0], NULL, second[1], NULL, 1, 0) == 1 &&
         read (second[0], &byte, 1) == 1 && byte == 'x';
}

static bool
can_allocate (void)
{
  char *memory = malloc (64 << 20);
  const bool done = memory != NULL;

  if (done)
    memset (memory, 1, 64 << 20);
  free (memory);
  return done;
}

/* A sanitizer looks for leaks by these. */
static void
check_files_and_processes (void)
{
#ifndef WITH_SANITIZERS
  refused ("open", open ("/etc/passwd", O_RDONLY));
  refused ("creating", open ("pullback-test", O_RDWR | O_CREAT, 0600));
  refused ("fork", fork ());
  refused ("kill", kill (getppid (), 0));
  refused ("ptrace", ptrace (PTRACE_TRACEME, 0, NULL, NULL));
  refused ("prctl", prctl (PR_SET_DUMPABLE, 1, 0, 0, 0));
#endif
}

static void
check_refused (int unix_socket, int path)
{
  static char *const nothing[] = { NULL };
  void *page;

  check_files_and_processes ();
  refused ("a Unix socket", socket (AF_UNIX, SOCK_STREAM, 0));
  refused ("a TCP socket", socket (AF_INET, SOCK_STREAM, 0));
  refused ("a socket pair",
           socketpair (AF_UNIX, SOCK_STREAM, 0, (int[2]){ 0 }));
  refused ("connect",
           connect (unix_socket, &(struct sockaddr){ AF_UNIX, "x" }, 3));
  refused ("bind", bind (unix_socket, &(struct sockaddr){ AF_UNIX, "x" }, 3));
  refused ("listen", listen (unix_socket, 1));
  refused ("execve", execve ("/bin/true", nothing, nothing));
  refused ("openat2", syscall (SYS_openat2, path, "passwd", NULL, 0));
  refused ("unlink", unlink ("pullback-test"));
  refused ("rename", rename ("pullback-test", "pullback-other"));
  refused ("mkdir", mkdirat (path, "pullback-test", 0700));
  refused ("chdir", fchdir (path));
  refused ("setuid", setuid (0));
  refused ("mount", syscall (SYS_mount, "", "/", "", 0, NULL));
  refused ("unshare", unshare (CLONE_NEWUSER));
  refused ("io_uring", syscall (SYS_io_uring_setup, 1, NULL));
  refused ("bpf", syscall (SYS_bpf, 0, NULL, 0));
  refused ("a file in memory", syscall (SYS_memfd_create, "x", 0));

  page = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
               -1, 0);
  works ("mmap", page != MAP_FAILED);
  refused ("code", mprotect (page, 4096, PROT_READ | PROT_EXEC));
  refused ("new code", (long) mmap (NULL, 4096, PROT_READ | PROT_EXEC,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

int
main (void)
{
  const int unix_socket = socket (AF_UNIX, SOCK_STREAM, 0);
  const int path = open ("/etc", O_PATH);

#ifndef HAVE_LIBSECCOMP
  puts ("built without libseccomp");
  return 77;
#endif
  if (unix_socket == -1 || path == -1 || confine () == -1)
    return EXIT_FAILURE;
  check_refused (unix_socket, path);
  works ("starting threads", can_start_threads ());
  works ("pipes and splice", can_move_bytes ());
  works ("memory", can_allocate ());
  /* To its end, which looks for leaks. */
  return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
