/* SPDX-License-Identifier: BSD-3-Clause */
/* pullback-freezer: freezes, says so, waits, thaws.  It is one process with one
 * thread and ignores every signal that can be, so that nothing but SIGKILL
 * comes between a freeze and its thaw; who started it sees to that case. */

#include <config.h>

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/quiesce/agent.h"
#include "controller/quiesce/freezer.h"
#include "controller/quiesce/hook.h"

/* An agent that does not thaw at once is asked again for so long, about once a
 * second: as one that was restarted, or is still at work on the freeze. */
#define THAW_SECONDS 600

/* An agent that lives says so sooner than it freezes. */
#define SYNCHRONIZE_SECONDS 5

struct freezing {
  const char *agent_path, *hook; /* "": none */
  int limit_ms;                  /* of each step */
  struct agent *agent;           /* NULL: not connected */
  bool hook_froze, agent_froze;  /* or may have: to be thawed */
  int count;                     /* of file systems that were frozen */
};

static int
synchronize_ms (const struct freezing *freezing)
{
  return freezing->limit_ms < SYNCHRONIZE_SECONDS * 1000
             ? freezing->limit_ms
             : SYNCHRONIZE_SECONDS * 1000;
}

/* Who is told may be gone. */
static void
say_failed (const char *what)
{
  CLEANUP_FREE char *text = strdup (error_message ());
  char *c;

  for (c = text; c && *c; c++)
    if (*c == '\n')
      *c = ' ';
  printf (FREEZER_FAILED "%d %s%s\n", error_kind (), text ? text : "", what);
  fflush (stdout);
}

static int
freeze_guest (struct freezing *freezing)
{
  int frozen;

  freezing->agent =
      agent_open (freezing->agent_path, synchronize_ms (freezing));
  if (freezing->agent == NULL)
    return -1;
  frozen = agent_is_frozen (freezing->agent, freezing->limit_ms);
  if (frozen == -1)
    return -1;
  /* To thaw it would be to break what somebody else does. */
  if (frozen)
    return fail (ERROR_CONFLICT,
                 "the guest's file systems are frozen already, by somebody "
                 "else; thaw them, as by 'fsfreeze --unfreeze' in the guest");
  freezing->agent_froze = true;
  freezing->count = agent_freeze (freezing->agent, freezing->limit_ms);
  return freezing->count == -1 ? -1 : 0;
}

static int
freeze (struct freezing *freezing)
{
  if (*freezing->hook) {
    freezing->hook_froze = true;
    if (hook_run (freezing->hook, "freeze", freezing->limit_ms) == -1)
      return -1;
  }
  return *freezing->agent_path ? freeze_guest (freezing) : 0;
}

static long
seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

/* By the connection that there is, or by a new one where that was closed. */
static int
thaw_guest_once (struct freezing *freezing)
{
  int count = -1;

  if (freezing->agent && agent_is_closed (freezing->agent))
    agent_close (STEAL (freezing->agent));
  if (freezing->agent == NULL) {
    freezing->agent =
        agent_open (freezing->agent_path, synchronize_ms (freezing));
    if (freezing->agent)
      count = agent_thaw (freezing->agent, freezing->limit_ms);
  }
  else if (agent_synchronize (freezing->agent, freezing->limit_ms) == 0)
    count = agent_thaw (freezing->agent, freezing->limit_ms);
  if (count >= 0 || agent_is_gone (freezing->agent_path))
    freezing->agent_froze = false;
  return count;
}

/* As documented for guest-fsfreeze-thaw, fewer than were frozen means that some
 * had been thawed before. */
static int
check_count (const struct freezing *freezing, int thawed)
{
  if (thawed >= freezing->count)
    return 0;
  return fail (ERROR_QEMU,
               "%d of the guest's %d frozen file systems had been thawed by "
               "somebody else before",
               freezing->count - thawed, freezing->count);
}

static int
thaw_guest (struct freezing *freezing)
{
  int count = thaw_guest_once (freezing);

  if (count >= 0)
    return check_count (freezing, count);
  if (!freezing->agent_froze)
    return fail (ERROR_QEMU, "QEMU has ended before its guest was thawed");
  fail_prefix ("the guest's file systems could not be thawed yet");
  return -1;
}

/* Each once, whatever becomes of the other.  -1: reported. */
static int
thaw (struct freezing *freezing)
{
  int r = freezing->agent_froze ? thaw_guest (freezing) : 0;
  CLEANUP_FREE char *error = r == -1 ? strdup (error_message ()) : NULL;
  enum error_kind kind = error_kind ();

  if (!freezing->hook_froze)
    return r;
  freezing->hook_froze = false;
  if (hook_run (freezing->hook, "thaw", freezing->limit_ms) == -1 && r == 0)
    return -1;
  return r == 0 ? 0 : fail (kind, "%s", error ? error : "out of memory");
}

/* Until it is done, or there is no more to be hoped for. */
static void
thaw_in_the_end (struct freezing *freezing)
{
  const long until = seconds () + THAW_SECONDS;

  while (freezing->agent_froze && seconds () < until) {
    if (thaw_guest_once (freezing) >= 0)
      log_line ("the guest's file systems are thawed at last");
    else if (freezing->agent_froze)
      poll (NULL, 0, 1000);
  }
  if (freezing->agent_froze)
    log_line ("the guest's file systems could not be thawed; thaw them in the "
              "guest: %s",
              error_message ());
}

/* Whether it was told to thaw, or by the end of who would, before time is up.
 */
static bool
wait_for_word (int limit_ms)
{
  struct pollfd word = { .fd = STDIN_FILENO, .events = POLLIN };

  /* Every signal that could interrupt it is ignored. */
  return poll (&word, 1, limit_ms) == 1;
}

/* The error stays. */
static void
give_up (struct freezing *freezing)
{
  CLEANUP_FREE char *error = strdup (error_message ());
  enum error_kind kind = error_kind ();
  bool left = thaw (freezing) == -1 && freezing->agent_froze;

  fail (kind, "%s", error ? error : "out of memory");
  say_failed (left ? "; its file systems may be frozen still, and are thawed "
                     "as soon as the agent answers"
                   : "");
}

static void
freeze_and_thaw (struct freezing *freezing)
{
  bool in_time;
  int r;

  if (freeze (freezing) == -1) {
    give_up (freezing);
    return;
  }
  printf (FREEZER_FROZEN "%d\n", freezing->count);
  fflush (stdout);
  in_time = wait_for_word (freezing->limit_ms);
  r = thaw (freezing);
  if (r == 0 && !in_time)
    r = fail (ERROR_CONFLICT,
              "it was thawed after %d s, since the point in time was not taken "
              "by then",
              freezing->limit_ms / 1000);
  if (r == -1)
    say_failed ("");
  else {
    puts (FREEZER_THAWED);
    fflush (stdout);
  }
}

static int
usage (void)
{
  fputs ("Usage: pullback-freezer [--thaw] --seconds N AGENT HOOK\n"
         "Freezes a guest until standard input has a byte or ends, and thaws "
         "it;\n"
         "started by pullback and pullbackd.\n",
         stderr);
  return EXIT_FAILURE;
}

/* Whoever waits for this process has it back at once. */
static void
detach (void)
{
  pid_t pid = fork ();

  if (pid > 0)
    _exit (EXIT_SUCCESS);
  /* One that cannot fork does as well, and is waited for. */
  setsid ();
  for (int number = 1; number < NSIG; number++)
    if (number != SIGCHLD)
      signal (number, SIG_IGN);
}

int
main (int argc, char **argv)
{
  enum { THAW = 256, SECONDS };
  static const struct option options[] = {
    { "thaw", no_argument, NULL, THAW },
    { "seconds", required_argument, NULL, SECONDS },
    { NULL, 0, NULL, 0 },
  };
  struct freezing freezing = { 0 };
  bool only_thaw = false;
  int option;

  while ((option = getopt_long (argc, argv, "", options, NULL)) != -1) {
    if (option == THAW)
      only_thaw = true;
    else if (option == SECONDS)
      freezing.limit_ms = atoi (optarg) * 1000;
    else
      return usage ();
  }
  if (argc - optind != 2 || freezing.limit_ms <= 0)
    return usage ();
  freezing.agent_path = argv[optind];
  freezing.hook = argv[optind + 1];
  detach ();
  if (only_thaw) {
    freezing.agent_froze = *freezing.agent_path;
    freezing.hook_froze = *freezing.hook;
  }
  if (!only_thaw)
    freeze_and_thaw (&freezing);
  else if (thaw (&freezing) == -1)
    log_line ("%s", error_message ());
  thaw_in_the_end (&freezing);
  agent_close (freezing.agent);
  return EXIT_SUCCESS;
}
