/* SPDX-License-Identifier: BSD-3-Clause */
/* Parses a verb's arguments by its table, and writes its help from the same
 * table.  An invocation owns the lists of repeated options. */

#include <config.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/verb.h"
#include "controller/common/error.h"

#define HELP_OPTION 1000

static int
usage_error (const struct verb *verb, const char *what, const char *name)
{
  return fail (ERROR_INVALID, "%s '%s'; 'pullback help %s' shows what it takes",
               what, name, verb->name);
}

static int
take_value (struct invocation *invocation, size_t index, const char *value)
{
  const struct verb *verb = invocation->verb;
  const struct parameter *parameter = &verb->parameters[index];
  size_t count = invocation->given[index].nr_values;
  const char **grown;

  if (parameter->kind != REPEATED && parameter->kind != ARGUMENTS) {
    if (invocation->given[index].value && parameter->kind != FLAG)
      return usage_error (verb, "given twice:", parameter->name);
    invocation->given[index].value = value;
    return 0;
  }
  grown =
      realloc (invocation->given[index].values, (count + 2) * sizeof *grown);
  if (grown == NULL)
    return fail_errno (ERROR_SYSTEM, "--%s", parameter->name);
  grown[count] = value;
  grown[count + 1] = NULL;
  invocation->given[index].values = grown;
  invocation->given[index].nr_values = count + 1;
  return 0;
}

static int
take_positional (struct invocation *invocation, const char *value)
{
  const struct parameter *parameters = invocation->verb->parameters;
  size_t i;

  for (i = 0; parameters[i].kind != PARAMETER_END; i++)
    if ((parameters[i].kind == POSITIONAL || parameters[i].kind == OPTIONAL) &&
        invocation->given[i].value == NULL)
      return take_value (invocation, i, value);
  for (i = 0; parameters[i].kind != PARAMETER_END; i++)
    if (parameters[i].kind == ARGUMENTS)
      return take_value (invocation, i, value);
  return usage_error (invocation->verb, "one argument too many:", value);
}

static int
check_complete (const struct invocation *invocation)
{
  const struct parameter *parameters = invocation->verb->parameters;
  size_t i;

  for (i = 0; parameters[i].kind != PARAMETER_END; i++)
    if ((parameters[i].kind == POSITIONAL || parameters[i].kind == NEEDED) &&
        invocation->given[i].value == NULL)
      return usage_error (invocation->verb, "missing:",
                          parameters[i].kind == NEEDED ? parameters[i].name
                                                       : parameters[i].value);
  return 0;
}

/* Fills in 'options', which has room for one more and the end. */
static void
make_options (const struct verb *verb, struct option *options)
{
  size_t i;

  for (i = 0; verb->parameters[i].kind != PARAMETER_END; i++)
    options[i] = (struct option){
      .name = verb->parameters[i].name,
      .has_arg = verb->parameters[i].kind == FLAG ? no_argument
                 : verb->parameters[i].kind == FLAG_OR_VALUE
                     ? optional_argument
                     : required_argument,
      .val = i,
    };
  options[i] = (struct option){ .name = "help", .val = HELP_OPTION };
  options[i + 1] = (struct option){ 0 };
}

int
invocation_parse (struct invocation *invocation, int argc, char **argv)
{
  struct option options[MAX_PARAMETERS + 2];
  int option;

  make_options (invocation->verb, options);
  opterr = 0;
  /* GNU's way to begin again with another argv.  With "-" what is no option
   * comes in its order, too, and without an index. */
  optind = 0;
  for (;;) {
    int index = -1, result;

    option = getopt_long (argc, argv, "-:", options, &index);
    if (option == -1)
      break;
    if (option == HELP_OPTION) {
      verb_show_help (invocation->verb);
      return 1;
    }
    if (option == ':')
      return usage_error (invocation->verb, "a value is missing after",
                          argv[optind - 1]);
    if (option == '?')
      return usage_error (invocation->verb,
                          "no such option:", argv[optind - 1]);
    result = index >= 0 ? take_value (invocation, index, optarg ? optarg : "")
                        : take_positional (invocation, optarg);
    if (result == -1)
      return -1;
  }
  for (; optind < argc; optind++)
    if (take_positional (invocation, argv[optind]) == -1)
      return -1;
  return check_complete (invocation);
}

void
invocation_free (struct invocation *invocation)
{
  size_t i;

  for (i = 0; i < MAX_PARAMETERS; i++)
    free (invocation->given[i].values);
}

/* A name that is not in the verb's table is a mistake in the verb. */
static size_t
index_of (const struct invocation *invocation, const char *name)
{
  const struct parameter *parameters = invocation->verb->parameters;
  size_t i;

  for (i = 0; parameters[i].kind != PARAMETER_END; i++)
    if (strcmp (parameters[i].name, name) == 0)
      return i;
  abort ();
}

const char *
value_of (const struct invocation *invocation, const char *name)
{
  return invocation->given[index_of (invocation, name)].value;
}

bool
is_given (const struct invocation *invocation, const char *name)
{
  size_t index = index_of (invocation, name);

  return invocation->given[index].value || invocation->given[index].values;
}

const char *const *
values_of (const struct invocation *invocation, const char *name)
{
  static const char *const none[] = { NULL };
  const char **values = invocation->given[index_of (invocation, name)].values;

  return values ? (const char *const *) values : none;
}

int
refuse_both (const struct invocation *invocation, const char *one,
             const char *other)
{
  if (is_given (invocation, one) && is_given (invocation, other))
    return fail (ERROR_INVALID, "options --%s and --%s are mutually exclusive",
                 one, other);
  return 0;
}

static void
show_synopsis (const struct verb *verb)
{
  const struct parameter *parameter;

  printf ("Usage: pullback [-c URI] %s", verb->name);
  for (parameter = verb->parameters; parameter->kind; parameter++)
    switch (parameter->kind) {
    case POSITIONAL:
      printf (" %s", parameter->value);
      break;
    case OPTIONAL:
      printf (" [%s]", parameter->value);
      break;
    case REPEATED:
      printf (" [--%s %s]...", parameter->name, parameter->value);
      break;
    case ARGUMENTS:
      printf (" [[--%s] %s]...", parameter->name, parameter->value);
      break;
    case NEEDED:
      printf (" --%s %s", parameter->name, parameter->value);
      break;
    case OPTION:
      printf (" [--%s %s]", parameter->name, parameter->value);
      break;
    case FLAG_OR_VALUE:
      printf (" [--%s[=%s]]", parameter->name, parameter->value);
      break;
    default:
      printf (" [--%s]", parameter->name);
      break;
    }
  printf ("\n%s.\n\n", verb->help);
}

void
verb_show_help (const struct verb *verb)
{
  const struct parameter *parameter;
  char left[80];

  show_synopsis (verb);
  for (parameter = verb->parameters; parameter->kind; parameter++) {
    bool positional = parameter->kind == POSITIONAL ||
                      parameter->kind == OPTIONAL ||
                      parameter->kind == ARGUMENTS;

    if (parameter->kind == FLAG_OR_VALUE)
      snprintf (left, sizeof left, "--%s[=%s]", parameter->name,
                parameter->value);
    else
      snprintf (left, sizeof left, "%s--%s%s%s", positional ? "[" : "",
                parameter->name,
                positional         ? "] "
                : parameter->value ? " "
                                   : "",
                parameter->value ? parameter->value : "");
    printf ("  %-32s %s\n", left, parameter->help);
  }
  printf ("  %-32s %s\n", "--help", "show this and exit");
}
