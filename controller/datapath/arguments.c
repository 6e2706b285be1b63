/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes command lines.  The programs are the installed ones, unless the
 * environment says otherwise, as it does in a build tree. */

#include <config.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/common/error.h"
#include "controller/datapath/arguments.h"
#include "controller/datapath/child.h"

/* A command line in the making, with room for one more argument. */
struct arguments {
  char **argv;
  size_t count;
  bool failed;
};

static const char *
program (const char *variable, const char *installed)
{
  const char *other = getenv (variable);

  return other ? other : installed;
}

static void __attribute__ ((format (printf, 2, 3)))
add (struct arguments *arguments, const char *format, ...)
{
  char **grown = reallocarray (arguments->argv, arguments->count + 2,
                               sizeof *arguments->argv);
  char *argument = NULL;
  va_list values;

  if (grown) {
    arguments->argv = grown;
    va_start (values, format);
    if (vasprintf (&argument, format, values) == -1)
      argument = NULL;
    va_end (values);
  }
  arguments->failed |= argument == NULL;
  if (argument) {
    grown[arguments->count++] = argument;
    grown[arguments->count] = NULL;
  }
}

void
arguments_free (char ***argv)
{
  char **argument;

  for (argument = *argv; argument && *argument; argument++)
    free (*argument);
  free (*argv);
  *argv = NULL;
}

static char **
finish (struct arguments *arguments)
{
  if (!arguments->failed)
    return arguments->argv;
  arguments_free (&arguments->argv);
  fail (ERROR_SYSTEM, "data path: out of memory");
  return NULL;
}

char **
arguments_of_broker (const char *qemu_socket)
{
  struct arguments arguments = { 0 };

  add (&arguments, "%s",
       program ("PULLBACK_BROKER", PKGLIBEXECDIR "/pullback-broker"));
  add (&arguments, "%s", qemu_socket);
  return finish (&arguments);
}

/* nbdkit's threads of one client's connection read from QEMU by as many
 * connections: one that finds none idle waits, and wakes up, for nothing.  So
 * there are fewer threads than nbdkit's 16, whose clients are the relay's and
 * open several connections where speed matters, and enough connections. */
#define NBDKIT_THREADS     4
#define PLUGIN_CONNECTIONS 16

char **
arguments_of_nbdkit (const char *broker_socket,
                     const struct datapath_request *request)
{
  struct arguments arguments = { 0 };

  add (&arguments, "nbdkit");
  add (&arguments, "--foreground");
  add (&arguments, "--threads=%d", NBDKIT_THREADS);
  if (!request->reclaim)
    add (&arguments, "--readonly");
  add (&arguments, "%s", program ("PULLBACK_PLUGIN", "pullback"));
  add (&arguments, "broker=%s", broker_socket);
  add (&arguments, "connections=%d", PLUGIN_CONNECTIONS);
  for (size_t i = 0; i < request->nr_changes_only; i++)
    add (&arguments, "changes-only=%s", request->changes_only[i]);
  if (request->reclaim)
    add (&arguments, "reclaim=%s", request->folder);
  return finish (&arguments);
}

/* Appends 'text' with its commas doubled, as the relay's --context has it. */
static void
put_escaped (FILE *file, const char *text)
{
  for (; *text; text++) {
    if (*text == ',')
      putc (',', file);
    putc (*text, file);
  }
}

static char *
context_argument (const struct datapath_context *context)
{
  char *text = NULL;
  size_t size;
  FILE *file = open_memstream (&text, &size);

  if (file == NULL)
    return NULL;
  fputs ("export=", file);
  put_escaped (file, context->export_name);
  fputs (",name=", file);
  put_escaped (file, context->name);
  fputs (",view=", file);
  put_escaped (file, context->view);
  return fclose (file) == 0 ? text : NULL;
}

static void
add_certificates (struct arguments *arguments,
                  const struct datapath_certificates *certificates)
{
  const char *const *subject;

  add (arguments, "--tls-certificates");
  add (arguments, "%s", certificates->folder);
  if (certificates->any_peer)
    add (arguments, "--tls-no-verify-peer");
  for (subject = certificates->subjects; subject && *subject; subject++) {
    add (arguments, "--tls-subject");
    add (arguments, "%s", *subject);
  }
}

char **
arguments_of_relay (const char *plugin_socket,
                    const struct datapath_request *request)
{
  struct arguments arguments = { 0 };

  add (&arguments, "%s", program ("PULLBACK_RELAY", "pullback-relay"));
  add (&arguments, "--upstream");
  add (&arguments, "unix:%s", plugin_socket);
  add (&arguments, "--control");
  add (&arguments, "%d", CHILD_FIRST_SOCKET);
  add (&arguments, "--tls");
  add (&arguments, request->tls ? "require" : "off");
  if (request->tls && request->certificates)
    add_certificates (&arguments, request->certificates);
  if (request->insecure)
    add (&arguments, "--insecure");
  if (request->reclaim)
    add (&arguments, "--reclaim");
  for (size_t i = 0; i < request->nr_contexts; i++) {
    char *context = context_argument (&request->contexts[i]);

    arguments.failed |= context == NULL;
    add (&arguments, "--context");
    add (&arguments, "%s", context ? context : "");
    free (context);
  }
  return finish (&arguments);
}
