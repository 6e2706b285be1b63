/* SPDX-License-Identifier: BSD-3-Clause */
/* What a verb of the CLI is: a name, a line of help, the parameters that it
 * takes, and the function that does it.  Help, usage errors and parsing all
 * come from the same table. */

#ifndef PULLBACK_VERB_H
#define PULLBACK_VERB_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "controller/client/pullback.h"

/* As with virsh, a positional parameter can also be given as an option
 * (--checkpointname monday). */
enum parameter_kind {
  PARAMETER_END,
  FLAG,          /* --abort */
  OPTION,        /* --method NAME */
  NEEDED,        /* --qmp PATH, an option that has to be there */
  FLAG_OR_VALUE, /* --quiesce or --quiesce=try */
  REPEATED,      /* --disk NAME, any number of times */
  ARGUMENTS,     /* the same, or as words behind all that are positional */
  POSITIONAL,    /* DOMAIN */
  OPTIONAL,      /* [NAME] */
};

struct parameter {
  enum parameter_kind kind;
  const char *name;  /* as an option, without "--" */
  const char *value; /* what stands for the value in help; FLAG: NULL */
  const char *help;
};

#define MAX_PARAMETERS 32

struct invocation;

struct verb {
  const char *name;
  const char *help;
  const struct parameter *parameters; /* ends with PARAMETER_END */
  bool offline; /* it opens the daemon itself, later or never */
  int (*run) (struct invocation *invocation);
};

/* A verb as it was called.  Strings are those of argv. */
struct invocation {
  const struct verb *verb;
  const char *uri; /* as given, or NULL */
  pullback_handle *handle;
  struct {
    const char *value;   /* FLAG: ""; NULL: not given */
    const char **values; /* REPEATED, ARGUMENTS: ends with NULL */
    size_t nr_values;
  } given[MAX_PARAMETERS];
};

/* Each ends with an entry without a name. */
extern const struct verb domain_verbs[];
extern const struct verb checkpoint_verbs[];
extern const struct verb backup_verbs[];
extern const struct verb event_verbs[];

/* NULL: there is none. */
const struct verb *verb_by_name (const char *name);

/* argv[0] is the verb.  1: help was asked for and shown.  -1: reported. */
int invocation_parse (struct invocation *invocation, int argc, char **argv);
void invocation_free (struct invocation *invocation);

/* The value of a parameter of the verb, NULL if it was not given. */
const char *value_of (const struct invocation *invocation, const char *name);
bool is_given (const struct invocation *invocation, const char *name);
/* Ends with NULL; never NULL itself. */
const char *const *values_of (const struct invocation *invocation,
                              const char *name);

/* -1: both options were given; reported as a usage error. */
int refuse_both (const struct invocation *invocation, const char *one,
                 const char *other);

/* To standard output. */
void verb_show_help (const struct verb *verb);

/* Connects, and starts the default daemon if it does not run.  Done before a
 * verb runs unless it is an offline one.  -1: reported. */
int open_daemon (struct invocation *invocation);

#endif /* PULLBACK_VERB_H */
