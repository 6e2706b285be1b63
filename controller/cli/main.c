/* SPDX-License-Identifier: BSD-3-Clause */
/* pullback: options before the verb, the verb, and one line for an error. */

#include <config.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/autostart.h"
#include "controller/cli/reply.h"
#include "controller/cli/verb.h"
#include "controller/common/error.h"

static const struct {
  const char *title;
  const struct verb *verbs;
} groups[] = {
  { "Domains", domain_verbs },
  { "Checkpoints", checkpoint_verbs },
  { "Backups", backup_verbs },
  { "Events", event_verbs },
};

#define NR_GROUPS (sizeof groups / sizeof groups[0])

const struct verb *
verb_by_name (const char *name)
{
  const struct verb *verb;
  size_t i;

  for (i = 0; i < NR_GROUPS; i++)
    for (verb = groups[i].verbs; verb->name; verb++)
      if (strcmp (verb->name, name) == 0)
        return verb;
  fail (ERROR_INVALID,
        "unknown verb '%s'; 'pullback help' lists those there "
        "are",
        name);
  return NULL;
}

static void
show_help (void)
{
  const struct verb *verb;
  size_t i;

  puts ("Usage: pullback [-c URI] VERB [ARGUMENT...]\n"
        "Incremental backups of running QEMU virtual machines, pulled over "
        "NBD.\n"
        "\n"
        "  -c, --connect URI     the daemon's: unix:///PATH (default: "
        "$PULLBACK_URI,\n"
        "                        else the system's for root, else one's own)\n"
        "  --help                show this and exit\n"
        "  --version             show the version and exit");
  for (i = 0; i < NR_GROUPS; i++) {
    printf ("\n%s:\n", groups[i].title);
    for (verb = groups[i].verbs; verb->name; verb++)
      printf ("  %-21s %s\n", verb->name, verb->help);
  }
  puts ("\n'pullback help VERB' tells what a verb takes; pullback(1) has "
        "everything.");
}

int
open_daemon (struct invocation *invocation)
{
  const char *environment = getenv ("PULLBACK_URI");

  invocation->handle = pullback_open (invocation->uri);
  if (invocation->handle == NULL)
    return fail_as_client ();
  /* Only the default daemon is one's own to start. */
  if (invocation->uri || (environment && environment[0]))
    return 0;
  return autostart (invocation->handle);
}

static int
run_verb (const char *uri, int argc, char **argv)
{
  struct invocation invocation = { .uri = uri };
  int result;

  invocation.verb = verb_by_name (argv[0]);
  if (invocation.verb == NULL)
    return -1;
  result = invocation_parse (&invocation, argc, argv);
  if (result == 0 && !invocation.verb->offline)
    result = open_daemon (&invocation);
  if (result == 0)
    result = invocation.verb->run (&invocation);
  pullback_close (invocation.handle);
  invocation_free (&invocation);
  return result;
}

static int
help (int argc, char **argv)
{
  const struct verb *verb;

  if (argc < 2) {
    show_help ();
    return 0;
  }
  verb = verb_by_name (argv[1]);
  if (verb == NULL)
    return -1;
  verb_show_help (verb);
  return 0;
}

static int
run (int argc, char **argv)
{
  enum { SHOW_HELP = 256, SHOW_VERSION };
  static const struct option options[] = {
    { "connect", required_argument, NULL, 'c' },
    { "help", no_argument, NULL, SHOW_HELP },
    { "version", no_argument, NULL, SHOW_VERSION },
    { NULL, 0, NULL, 0 },
  };
  const char *uri = NULL;
  int option;

  opterr = 0;
  while ((option = getopt_long (argc, argv, "+:c:", options, NULL)) != -1)
    switch (option) {
    case 'c':
      uri = optarg;
      break;
    case SHOW_HELP:
      show_help ();
      return 0;
    case SHOW_VERSION:
      puts ("pullback " PACKAGE_VERSION);
      return 0;
    case ':':
      return fail (ERROR_INVALID, "a value is missing after '%s'",
                   argv[optind - 1]);
    default:
      return fail (ERROR_INVALID,
                   "no such option: '%s'; 'pullback --help' lists those there "
                   "are",
                   argv[optind - 1]);
    }
  argc -= optind;
  argv += optind;
  if (argc == 0)
    return fail (ERROR_INVALID,
                 "a verb is needed; 'pullback help' lists those there are");
  return strcmp (argv[0], "help") == 0 ? help (argc, argv)
                                       : run_verb (uri, argc, argv);
}

int
main (int argc, char **argv)
{
  int result = run (argc, argv);

  /* A full disk behind standard output is an error as any other. */
  if (result != -1 && (fflush (stdout) != 0 || ferror (stdout)))
    result = fail_errno (ERROR_SYSTEM, "standard output");
  if (result == -1)
    fprintf (stderr, "error: %s\n", error_message ());
  return result == -1 ? EXIT_FAILURE : EXIT_SUCCESS;
}
