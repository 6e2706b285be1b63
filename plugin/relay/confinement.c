/* SPDX-License-Identifier: BSD-3-Clause */
/* Gives up every privilege that serving clients does not take. */

#include "config.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_LIBSECCOMP
#include <seccomp.h>
#endif

#include "plugin/relay/confinement.h"
#include "plugin/relay/message.h"

/* "nobody" on every Linux. */
#define NOBODY 65534

static int
failed (const char *what)
{
  message ("cannot give up %s: %s", what, strerror (errno));
  return -1;
}

/* A user namespace may have nobody else than its root, who is then not the
 * machine's. */
static int
give_up_root (void)
{
  if (geteuid () != 0)
    return 0;
  if ((setgroups (0, NULL) == -1 || setresgid (NOBODY, NOBODY, NOBODY) == -1 ||
       setresuid (NOBODY, NOBODY, NOBODY) == -1) &&
      errno != EINVAL && errno != EPERM)
    return failed ("root");
  return 0;
}

static int
give_up_capabilities (void)
{
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

  return syscall (SYS_capset, &header, none) == -1 ? failed ("capabilities")
                                                   : 0;
}

#ifdef HAVE_LIBSECCOMP

/* Whatever their arguments. */
static const int allowed[] = {
  /* Clients, the server behind, the child process. */
  SCMP_SYS (accept4),
  SCMP_SYS (close),
  SCMP_SYS (fcntl),
  SCMP_SYS (getpeername),
  SCMP_SYS (getsockname),
  SCMP_SYS (getsockopt),
  SCMP_SYS (pipe2),
  SCMP_SYS (poll),
  SCMP_SYS (ppoll),
  SCMP_SYS (read),
  SCMP_SYS (readv),
  SCMP_SYS (recvfrom),
  SCMP_SYS (recvmsg),
  SCMP_SYS (sendmsg),
  SCMP_SYS (sendto),
  SCMP_SYS (setsockopt),
  SCMP_SYS (shutdown),
  SCMP_SYS (splice),
  SCMP_SYS (tee),
  SCMP_SYS (vmsplice),
  SCMP_SYS (wait4),
  SCMP_SYS (write),
  SCMP_SYS (writev),
  /* Memory. */
  SCMP_SYS (brk),
  SCMP_SYS (madvise),
  SCMP_SYS (mremap),
  SCMP_SYS (munmap),
  /* Threads and signals. */
  SCMP_SYS (exit),
  SCMP_SYS (exit_group),
  SCMP_SYS (futex),
  SCMP_SYS (getpid),
  SCMP_SYS (gettid),
  SCMP_SYS (membarrier),
  SCMP_SYS (restart_syscall),
  SCMP_SYS (rseq),
  SCMP_SYS (rt_sigaction),
  SCMP_SYS (rt_sigprocmask),
  SCMP_SYS (rt_sigreturn),
  SCMP_SYS (sched_getaffinity),
  SCMP_SYS (sched_yield),
  SCMP_SYS (set_robust_list),
  SCMP_SYS (sigaltstack),
  /* Time and chance. */
  SCMP_SYS (clock_gettime),
  SCMP_SYS (clock_nanosleep),
  SCMP_SYS (getrandom),
  SCMP_SYS (getrusage),
  SCMP_SYS (gettimeofday),
  SCMP_SYS (nanosleep),
  SCMP_SYS (time),
#ifdef WITH_SANITIZERS
  /* Looking for leaks at the end. */
  SCMP_SYS (clone),
  SCMP_SYS (getdents),
  SCMP_SYS (getdents64),
  SCMP_SYS (getppid),
  SCMP_SYS (kill),
  SCMP_SYS (lseek),
  SCMP_SYS (newfstatat),
  SCMP_SYS (open),
  SCMP_SYS (openat),
  SCMP_SYS (prctl),
  SCMP_SYS (prlimit64),
  SCMP_SYS (ptrace),
  SCMP_SYS (readlink),
  SCMP_SYS (readlinkat),
  SCMP_SYS (stat),
#endif
};

/* No code but what is there, no process but this. */
static int
allow_with_conditions (scmp_filter_ctx filter)
{
  const struct scmp_arg_cmp no_code =
      SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
  const struct scmp_arg_cmp a_thread =
      SCMP_A0 (SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
  const struct scmp_arg_cmp this_process = SCMP_A0 (SCMP_CMP_EQ, getpid (), 0);
  const struct {
    int call;
    struct scmp_arg_cmp condition;
  } rules[] = { { SCMP_SYS (mmap), no_code },
                { SCMP_SYS (mprotect), no_code },
                { SCMP_SYS (clone), a_thread },
                /* abort(3) */
                { SCMP_SYS (tgkill), this_process } };
  int r = 0;

  for (size_t i = 0; i < sizeof rules / sizeof rules[0] && r == 0; i++)
    r = seccomp_rule_add (filter, SCMP_ACT_ALLOW, rules[i].call, 1,
                          rules[i].condition);
  return r;
}

/* Any other call is answered as by a kernel that does not have it, for which
 * libraries are prepared: a newer one asks for a newer call first. */
static int
give_up_system_calls (void)
{
  scmp_filter_ctx filter = seccomp_init (SCMP_ACT_ERRNO (ENOSYS));
  int r = filter ? 0 : -ENOMEM;

  for (size_t i = 0; i < sizeof allowed / sizeof allowed[0] && r == 0; i++)
    r = seccomp_rule_add (filter, SCMP_ACT_ALLOW, allowed[i], 0);
  if (r == 0)
    r = allow_with_conditions (filter);
  if (r == 0)
    r = seccomp_load (filter);
  seccomp_release (filter);
  errno = -r;
  return r < 0 ? failed ("system calls") : 0;
}

#else /* !HAVE_LIBSECCOMP */

static int
give_up_system_calls (void)
{
  return 0;
}

#endif

int
confine (void)
{
  if (give_up_root () == -1 || give_up_capabilities () == -1)
    return -1;
  /* The latter for the keys in its memory. */
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
      prctl (PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
    return failed ("privileges");
  return give_up_system_calls ();
}
