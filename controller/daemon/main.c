/* SPDX-License-Identifier: BSD-3-Clause */
/* pullbackd: options, folders, signals, and the order in which things start
 * and stop. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/common/paths.h"
#include "controller/daemon/http.h"
#include "controller/daemon/instance.h"
#include "controller/daemon/notify.h"
#include "controller/qmp/qmp.h"

/* Told apart by whoever starts a daemon in the background: someone else was
 * quicker, which is as good. */
#define EXIT_ANOTHER_RUNS 3

static const char usage[] =
    "Usage: pullbackd [OPTION...]\n"
    "Serves Pullback's API on a Unix socket: freezes points in time of QEMU's\n"
    "disks and offers them and their changes over NBD.\n"
    "\n"
    "  --run-folder FOLDER    for the sockets (default: see pullbackd(8))\n"
    "  --state-folder FOLDER  for what survives a restart\n"
    "  --idle-exit SECONDS    end after so long without clients, domains in\n"
    "                         use and jobs; 0: never (default)\n"
    "  --replace              take the place of a daemon that runs: its "
    "backups "
    "go on\n"
    "  --monitor-limit SECONDS\n"
    "                         how long QEMU may take to answer a command "
    "(default: 30)\n"
    "  --tls-certificates FOLDER\n"
    "                         with ca-cert.pem, server-cert.pem and\n"
    "                         server-key.pem, for backups that are served "
    "with\n"
    "                         TLS\n"
    "  --tls-no-verify-peer   their clients need no certificate\n"
    "  --tls-subject PATTERN  that their clients' certificates must match; "
    "may\n"
    "                         be repeated\n"
    "  --help                 show this and exit\n"
    "  --version              show the version and exit\n";

struct settings {
  char *run_folder, *state_folder;
  char *tls_certificates;
  bool tls_any_peer;
  const char **tls_subjects; /* of argv, up to NULL; NULL: none */
  size_t nr_tls_subjects;
  unsigned idle_exit;
  bool replace;
};

static int stop_event = -1;
static volatile sig_atomic_t stop_signal;

static pid_t own_pid;

/* Not a blocked mask and not SIG_IGN: what this process starts would inherit
 * those.  A child has the handler, and the event, until it executes its
 * program: a signal that it gets by then is for it alone. */
static void
on_stop (int number)
{
  const uint64_t one = 1;
  int saved = errno;

  if (getpid () != own_pid)
    _exit (128 + number);
  stop_signal = number;
  if (write (stop_event, &one, sizeof one) == -1) {
    /* The counter is full: the main loop has been told already. */
  }
  errno = saved;
}

static void
on_pipe (int number)
{
  (void) number;
}

static int
catch_signals (void)
{
  struct sigaction stop = { .sa_handler = on_stop, .sa_flags = SA_RESTART };
  struct sigaction pipe = { .sa_handler = on_pipe, .sa_flags = SA_RESTART };

  own_pid = getpid ();
  stop_event = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_event == -1 || sigaction (SIGTERM, &stop, NULL) == -1 ||
      sigaction (SIGINT, &stop, NULL) == -1 ||
      sigaction (SIGUSR1, &stop, NULL) == -1 ||
      sigaction (SIGPIPE, &pipe, NULL) == -1)
    return fail_errno (ERROR_SYSTEM, "signals");
  return 0;
}

static int
parse_seconds (const char *option, const char *text, unsigned least,
               unsigned most, unsigned *seconds)
{
  char *end;
  unsigned long value;

  errno = 0;
  value = strtoul (text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end || errno || value < least ||
      value > most)
    return fail (ERROR_INVALID,
                 "%s takes a number of seconds from %u to %u, not '%s'", option,
                 least, most, text);
  *seconds = value;
  return 0;
}

static int
replace_folder (char **folder, const char *given)
{
  char *path = paths_absolute (given);

  if (path == NULL)
    return -1;
  free (*folder);
  *folder = path;
  return 0;
}

static int
add_subject (struct settings *settings, const char *pattern)
{
  const char **grown =
      reallocarray (settings->tls_subjects, settings->nr_tls_subjects + 2,
                    sizeof *settings->tls_subjects);

  if (grown == NULL)
    return fail_errno (ERROR_SYSTEM, "--tls-subject");
  settings->tls_subjects = grown;
  grown[settings->nr_tls_subjects++] = pattern;
  grown[settings->nr_tls_subjects] = NULL;
  return 0;
}

/* 1: there is nothing more to do. */
static int
parse_options (int argc, char **argv, struct settings *settings)
{
  enum {
    RUN_FOLDER = 256,
    STATE_FOLDER,
    IDLE_EXIT,
    MONITOR_LIMIT,
    REPLACE,
    TLS_CERTIFICATES,
    TLS_NO_VERIFY_PEER,
    TLS_SUBJECT,
    SHOW_HELP,
    SHOW_VERSION
  };
  static const struct option options[] = {
    { "run-folder", required_argument, NULL, RUN_FOLDER },
    { "state-folder", required_argument, NULL, STATE_FOLDER },
    { "idle-exit", required_argument, NULL, IDLE_EXIT },
    { "monitor-limit", required_argument, NULL, MONITOR_LIMIT },
    { "replace", no_argument, NULL, REPLACE },
    { "tls-certificates", required_argument, NULL, TLS_CERTIFICATES },
    { "tls-no-verify-peer", no_argument, NULL, TLS_NO_VERIFY_PEER },
    { "tls-subject", required_argument, NULL, TLS_SUBJECT },
    { "help", no_argument, NULL, SHOW_HELP },
    { "version", no_argument, NULL, SHOW_VERSION },
    { NULL, 0, NULL, 0 },
  };
  unsigned monitor_limit;
  int option, result = 0;

  while (result == 0 &&
         (option = getopt_long (argc, argv, "", options, NULL)) != -1)
    switch (option) {
    case RUN_FOLDER:
      result = replace_folder (&settings->run_folder, optarg);
      break;
    case STATE_FOLDER:
      result = replace_folder (&settings->state_folder, optarg);
      break;
    case IDLE_EXIT:
      result =
          parse_seconds ("--idle-exit", optarg, 0, 86400, &settings->idle_exit);
      break;
    case MONITOR_LIMIT:
      result =
          parse_seconds ("--monitor-limit", optarg, 1, 120, &monitor_limit);
      if (result == 0)
        qmp_set_limit (monitor_limit);
      break;
    case REPLACE:
      settings->replace = true;
      break;
    case TLS_CERTIFICATES:
      result = replace_folder (&settings->tls_certificates, optarg);
      break;
    case TLS_NO_VERIFY_PEER:
      settings->tls_any_peer = true;
      break;
    case TLS_SUBJECT:
      result = add_subject (settings, optarg);
      break;
    case SHOW_HELP:
      fputs (usage, stdout);
      return 1;
    case SHOW_VERSION:
      puts ("pullbackd " PACKAGE_VERSION);
      return 1;
    default:
      return fail (ERROR_INVALID, "'pullbackd --help' lists the options");
    }
  if (result == 0 && optind < argc)
    return fail (ERROR_INVALID,
                 "'%s' is not an option; pullbackd takes only "
                 "options, which --help lists",
                 argv[optind]);
  if (result == 0 && settings->tls_any_peer && settings->tls_subjects)
    return fail (ERROR_INVALID,
                 "--tls-no-verify-peer and --tls-subject exclude each other");
  return result;
}

/* CONFIGURATION/tls */
static int
set_certificates (struct settings *settings, const char *configuration)
{
  if (asprintf (&settings->tls_certificates, "%s/tls", configuration) != -1)
    return 0;
  settings->tls_certificates = NULL;
  return fail_errno (ERROR_SYSTEM, "--tls-certificates");
}

/* The defaults are needed only where not all folders are given. */
static int
fill_in_folders (struct settings *settings)
{
  CLEANUP_PATHS struct paths paths = { 0 };

  if (settings->run_folder && settings->state_folder &&
      settings->tls_certificates)
    return 0;
  if (paths_default (&paths) == -1)
    return -1;
  if (settings->run_folder == NULL)
    settings->run_folder = STEAL (paths.run);
  if (settings->state_folder == NULL)
    settings->state_folder = STEAL (paths.state);
  if (settings->tls_certificates == NULL)
    return set_certificates (settings, paths.config);
  return 0;
}

/* Until a signal says so, or nobody has needed the daemon for long enough. */
static void
wait_for_the_end (struct service *service, struct http *http,
                  unsigned idle_exit)
{
  struct pollfd stop = { .fd = stop_event, .events = POLLIN };

  for (;;) {
    int ready = poll (&stop, 1, idle_exit ? 500 : -1);

    if (ready > 0) {
      log_line ("signal %d: ending", (int) stop_signal);
      return;
    }
    if (ready == 0 && http_idle_seconds (http) >= idle_exit &&
        !service_busy (service)) {
      log_line ("nothing to do for %u seconds: ending", idle_exit);
      return;
    }
  }
}

/* Backups go on without a daemon, and threads of this one's are at work on
 * them: it ends as if it were killed, which the next daemon can live with at
 * any point, only that nobody waits for an answer. */
static void
leave_jobs (struct service *service, struct instance *instance)
{
  if (service_busy (service))
    log_line ("backups that run are left to the next daemon");
  instance_close (instance);
  _exit (EXIT_SUCCESS);
}

/* New clients find nobody from the first step on; requests that run are
 * answered before the jobs end; the lock goes last, so that a daemon started
 * meanwhile never sees half a job. */
static int
serve (const struct settings *settings, struct instance *instance)
{
  const struct service_settings for_service = {
    .state_folder = settings->state_folder,
    .run_folder = settings->run_folder,
    .tls_certificates = settings->tls_certificates,
    .tls_any_peer = settings->tls_any_peer,
    .tls_subjects = settings->tls_subjects,
  };
  struct service *service = service_new (&for_service);
  struct http *http;

  if (service == NULL)
    return -1;
  http = http_start (service, instance->socket);
  if (http == NULL) {
    service_free (service);
    return -1;
  }
  log_line ("pullbackd " PACKAGE_VERSION " serves %s", instance->socket_path);
  notify_say ("READY=1");
  wait_for_the_end (service, http, settings->idle_exit);
  notify_say ("STOPPING=1");
  instance_hide (instance);
  http_quiesce (http);
  service_quiesce (service);
  http_stop (http);
  if (stop_signal == SIGUSR1)
    leave_jobs (service, instance);
  service_stop_jobs (service);
  service_free (service);
  return 0;
}

int
main (int argc, char **argv)
{
  struct settings settings = { 0 };
  struct instance instance;
  int result = parse_options (argc, argv, &settings);
  bool another_runs;

  if (result == 0)
    result = fill_in_folders (&settings);
  notify_open ();
  if (result == 0)
    result = catch_signals ();
  if (result == 0)
    result = instance_open (&instance, settings.run_folder, settings.replace);
  another_runs = result == -1 && error_kind () == ERROR_CONFLICT;
  if (result == 0) {
    result = serve (&settings, &instance);
    instance_close (&instance);
  }
  free (settings.run_folder);
  free (settings.state_folder);
  free (settings.tls_certificates);
  free (settings.tls_subjects);
  if (result != -1)
    return EXIT_SUCCESS;
  fprintf (stderr, "pullbackd: %s\n", error_message ());
  return another_runs ? EXIT_ANOTHER_RUNS : EXIT_FAILURE;
}
