/* SPDX-License-Identifier: BSD-3-Clause */
/* The verb that waits for events and prints them, as virsh's does: one, or all
 * until a time is over or it is interrupted. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "controller/cli/reply.h"
#include "controller/common/error.h"
#include "controller/domain/events.h"

/* A daemon that is restarted is back by then. */
#define RETURN_SECONDS 30
#define RETURN_PAUSE   200 /* milliseconds between two attempts */

struct watch {
  struct invocation *invocation;
  const char *domain, *event; /* NULL: all */
  bool loop;
  long long since;        /* -1: from now on */
  int64_t timeout, until; /* in seconds, and monotonic; 0: none */
  int64_t gone_since;     /* that the daemon does not answer; 0: it does */
};

/* Those that were printed; also the thread that waits for signals reads it. */
static atomic_uint received;

static void
show_count (const struct watch *watch)
{
  if (!is_given (watch->invocation, "json"))
    printf ("events received: %u\n", received);
}

/* An interrupt is how a loop ends, and no failure if anything came. */
static void *
wait_for_signal (void *opaque)
{
  const struct watch *watch = opaque;
  sigset_t signals;
  int number;

  sigemptyset (&signals);
  sigaddset (&signals, SIGINT);
  sigaddset (&signals, SIGTERM);
  sigwait (&signals, &number);
  if (!is_given (watch->invocation, "json"))
    puts ("event loop interrupted");
  show_count (watch);
  exit (received ? EXIT_SUCCESS : EXIT_FAILURE);
}

static int
catch_signals (struct watch *watch)
{
  pthread_t thread;
  sigset_t signals;

  sigemptyset (&signals);
  sigaddset (&signals, SIGINT);
  sigaddset (&signals, SIGTERM);
  pthread_sigmask (SIG_BLOCK, &signals, NULL);
  errno = pthread_create (&thread, NULL, wait_for_signal, watch);
  if (errno)
    return fail_errno (ERROR_SYSTEM, "cannot start a thread");
  pthread_detach (thread);
  return 0;
}

static int64_t
now_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

/* "2026-11-23 04:05:47.123+0000: ", as virsh writes it. */
static void
show_time (json_object *event)
{
  time_t when = reply_number (event, "time");
  struct tm utc;
  char text[64];

  if (gmtime_r (&when, &utc) == NULL)
    return;
  strftime (text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
  printf ("%s.%03d+0000: ", text,
          (int) (reply_number (event, "microseconds") / 1000));
}

static void
show_event (const struct watch *watch, json_object *event)
{
  json_object *data = reply_object (event, "data");

  if (is_given (watch->invocation, "json")) {
    puts (json_object_to_json_string_ext (
        event, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    return;
  }
  if (is_given (watch->invocation, "timestamp"))
    show_time (event);
  printf ("event '%s' for domain '%s':", reply_text (event, "event"),
          reply_text (event, "domain"));
  json_object_object_foreach (data, key, value)
    printf (" %s: '%s'", key, json_object_get_string (value));
  putchar ('\n');
}

/* Prints those that are wanted; one where it is not to loop. */
static void
show_events (const struct watch *watch, json_object *reply)
{
  size_t i, count = reply_count (reply, "events");

  if (reply_flag (reply, "lost"))
    fputs ("warning: events were lost: they were too many, or the daemon began "
           "anew\n",
           stderr);
  for (i = 0; i < count && (watch->loop || received == 0); i++) {
    json_object *event = reply_item (reply, "events", i);
    const char *name = reply_text (event, "event");

    if (name == NULL || reply_text (event, "domain") == NULL ||
        reply_object (event, "data") == NULL ||
        (watch->event && strcmp (watch->event, name) != 0))
      continue;
    received++;
    show_event (watch, event);
  }
  fflush (stdout);
}

/* What is left of the timeout, as far as the daemon lets one wait. */
static unsigned
wait_of (const struct watch *watch)
{
  int64_t left =
      watch->timeout ? watch->until - now_seconds () : EVENTS_MAX_WAIT_SECONDS;

  return left < 0                         ? 0
         : left > EVENTS_MAX_WAIT_SECONDS ? EVENTS_MAX_WAIT_SECONDS
                                          : left;
}

/* Whether it is worth to ask again after a while, which is over then: events
 * are no business of one daemon's. */
static bool
await_return (struct watch *watch)
{
  const int64_t now = now_seconds ();

  if (pullback_error_kind () != PULLBACK_ERROR_UNREACHABLE)
    return false;
  if (watch->gone_since == 0)
    watch->gone_since = now;
  if (now - watch->gone_since >= RETURN_SECONDS ||
      (watch->timeout && now >= watch->until))
    return false;
  poll (NULL, 0, RETURN_PAUSE);
  return true;
}

static int
watch_events (struct watch *watch)
{
  for (;;) {
    unsigned wait = wait_of (watch);
    CLEANUP_FREE char *text = pullback_event_list (
        watch->invocation->handle, watch->domain, watch->since, wait);
    CLEANUP_REPLY json_object *reply = text ? json_tokener_parse (text) : NULL;

    if (text == NULL && await_return (watch))
      continue;
    if (text == NULL)
      return fail_as_client ();
    watch->gone_since = 0;
    if (!reply_has (reply, "next"))
      return fail (ERROR_SYSTEM, "the daemon at %s does not know events",
                   pullback_uri (watch->invocation->handle));
    watch->since = reply_number (reply, "next");
    show_events (watch, reply);
    if (received && !watch->loop)
      return 0;
    if (watch->timeout && now_seconds () >= watch->until) {
      if (!is_given (watch->invocation, "json"))
        puts ("event loop timed out");
      return 0;
    }
  }
}

static int
parse_number (const struct invocation *invocation, const char *option,
              long long minimum, long long *number)
{
  const char *text = value_of (invocation, option);
  char *end;

  if (text == NULL)
    return 0;
  errno = 0;
  *number = strtoll (text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end || errno || *number < minimum)
    return fail (ERROR_INVALID, "--%s takes a number from %lld on, not '%s'",
                 option, minimum, text);
  return 0;
}

static int
check_event (const char *name)
{
  size_t i;

  for (i = 0; name && i < NR_EVENT_KINDS; i++)
    if (strcmp (event_name (i), name) == 0)
      return 0;
  return name ? fail (ERROR_INVALID,
                      "unknown event type %s; 'pullback event --list' lists "
                      "those there are",
                      name)
              : 0;
}

static int
list_events (void)
{
  size_t i;

  for (i = 0; i < NR_EVENT_KINDS; i++)
    puts (event_name (i));
  return 0;
}

static int
event (struct invocation *invocation)
{
  struct watch watch = { .invocation = invocation,
                         .domain = value_of (invocation, "domain"),
                         .event = value_of (invocation, "event"),
                         .loop = is_given (invocation, "loop"),
                         .since = -1 };
  long long timeout = 0;

  if (refuse_both (invocation, "all", "event") == -1 ||
      refuse_both (invocation, "list", "all") == -1 ||
      refuse_both (invocation, "list", "event") == -1)
    return -1;
  if (is_given (invocation, "list"))
    return list_events ();
  if (watch.event == NULL && !is_given (invocation, "all"))
    return fail (ERROR_INVALID,
                 "one of --list, --all, or --event <type> is required");
  if (check_event (watch.event) == -1 ||
      parse_number (invocation, "timeout", 1, &timeout) == -1 ||
      parse_number (invocation, "since", 0, &watch.since) == -1 ||
      catch_signals (&watch) == -1 || open_daemon (invocation) == -1)
    return -1;
  watch.timeout = timeout;
  watch.until = now_seconds () + timeout;
  if (watch_events (&watch) == -1)
    return -1;
  show_count (&watch);
  return received ? 0
                  : fail (ERROR_NOT_FOUND, "no event came within %lld seconds",
                          timeout);
}

static const struct parameter event_parameters[] = {
  { OPTIONAL, "domain", "DOMAIN", "only of this domain" },
  { OPTION, "event", "NAME", "wait for this type of event" },
  { FLAG, "all", NULL, "wait for all of them" },
  { FLAG, "loop", NULL, "go on after the first one" },
  { OPTION, "timeout", "SECONDS", "wait no longer than this" },
  { FLAG, "list", NULL, "list the types of events" },
  { FLAG, "timestamp", NULL, "with the time of each" },
  { OPTION, "since", "NUMBER", "also those after this one; 0: all there are" },
  { FLAG, "json", NULL, "print each as it is, in JSON, on a line" },
  { 0 },
};

const struct verb event_verbs[] = {
  { .name = "event",
    .help = "Wait for events of backups and checkpoints",
    .parameters = event_parameters,
    .offline = true,
    .run = event },
  { 0 },
};
