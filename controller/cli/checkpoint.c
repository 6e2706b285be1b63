/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs on checkpoints that are there: list, info, current, parent, XML,
 * delete; and the table of all verbs on checkpoints. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/cli/checkpoint.h"
#include "controller/cli/reply.h"
#include "controller/cli/table.h"
#include "controller/common/error.h"

#define MAX_TREE_DEPTH 10000

static bool
is_child_of (json_object *checkpoint, const char *parent)
{
  const char *own = reply_text (checkpoint, "parent");

  return parent ? own && strcmp (own, parent) == 0 : own == NULL;
}

/* As virsh draws it: a line to each child below its parent. */
static void
show_tree (json_object *list, const char *parent, const char *indent)
{
  size_t count = reply_count (list, "checkpoints"), i, last = count;
  CLEANUP_FREE char *deeper = NULL;

  for (i = 0; i < count; i++)
    if (is_child_of (reply_item (list, "checkpoints", i), parent))
      last = i;
  for (i = 0; i < count; i++) {
    json_object *checkpoint = reply_item (list, "checkpoints", i);
    const char *name = reply_text (checkpoint, "name");

    if (name == NULL || !is_child_of (checkpoint, parent))
      continue;
    printf ("%s%s%s\n", indent, parent ? "+- " : "", name);
    free (deeper);
    if (strlen (indent) > MAX_TREE_DEPTH ||
        asprintf (&deeper, "%s%s", indent,
                  !parent     ? " "
                  : i == last ? "   "
                              : "|  ") == -1)
      deeper = NULL;
    if (deeper)
      show_tree (list, name, deeper);
  }
}

static int
show_list (struct invocation *invocation, json_object *list)
{
  bool parents = is_given (invocation, "parent");
  CLEANUP_TABLE struct table *table =
      table_new ("Name", "Creation Time", parents ? "Parent" : NULL, NULL);
  size_t i;

  if (table == NULL)
    return -1;
  for (i = 0; i < reply_count (list, "checkpoints"); i++) {
    json_object *checkpoint = reply_item (list, "checkpoints", i);

    if (table_row (
            table, reply_text (checkpoint, "name"),
            format_time (reply_number (checkpoint, "creation_time")).text,
            reply_text (checkpoint, "parent")) == -1)
      return -1;
  }
  table_show (table);
  return 0;
}

static int
checkpoint_list (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;
  size_t i;

  if (reply_take (invocation,
                  pullback_checkpoint_list (invocation->handle,
                                            value_of (invocation, "domain")),
                  &reply) == -1)
    return -1;
  if (reply == NULL)
    return 0;
  if (is_given (invocation, "tree"))
    show_tree (reply, NULL, "");
  else if (is_given (invocation, "name"))
    for (i = 0; i < reply_count (reply, "checkpoints"); i++)
      printf ("%s\n",
              reply_text (reply_item (reply, "checkpoints", i), "name"));
  else
    return show_list (invocation, reply);
  return 0;
}

/* 'json' in the caller's table decides between text and object. */
static int
get_info (struct invocation *invocation, const char *name, json_object **reply)
{
  return reply_take (invocation,
                     pullback_checkpoint_info (invocation->handle,
                                               value_of (invocation, "domain"),
                                               name),
                     reply);
}

static json_object *
get_list (struct invocation *invocation)
{
  CLEANUP_FREE char *text = pullback_checkpoint_list (
      invocation->handle, value_of (invocation, "domain"));
  json_object *list = text ? json_tokener_parse (text) : NULL;

  if (list == NULL) {
    if (text == NULL)
      fail_as_client ();
    else
      fail (ERROR_SYSTEM, "the daemon answered without JSON");
  }
  return list;
}

static void
count_family (json_object *list, const char *name, unsigned depth,
              unsigned *children, unsigned *descendants)
{
  size_t i;

  for (i = 0; i < reply_count (list, "checkpoints"); i++) {
    json_object *checkpoint = reply_item (list, "checkpoints", i);
    const char *child = reply_text (checkpoint, "name");

    if (child == NULL || !is_child_of (checkpoint, name) ||
        depth > MAX_TREE_DEPTH)
      continue;
    *children += depth == 0;
    ++*descendants;
    count_family (list, child, depth + 1, children, descendants);
  }
}

static int
checkpoint_info (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;
  CLEANUP_REPLY json_object *list = NULL;
  const char *name = value_of (invocation, "checkpointname");
  unsigned children = 0, descendants = 0;

  if (get_info (invocation, name, &reply) == -1)
    return -1;
  if (reply == NULL)
    return 0;
  list = get_list (invocation);
  if (list == NULL)
    return -1;
  count_family (list, name, 0, &children, &descendants);
  printf ("%-15s %s\n", "Name:", reply_text (reply, "name"));
  printf ("%-15s %s\n", "Domain:", value_of (invocation, "domain"));
  printf ("%-15s %s\n",
          "Current:", reply_flag (reply, "current") ? "yes" : "no");
  printf ("%-15s %s\n",
          "Created:", format_time (reply_number (reply, "creation_time")).text);
  printf ("%-15s %s\n", "Parent:",
          reply_text (reply, "parent") ? reply_text (reply, "parent") : "-");
  printf ("%-15s %u\n", "Children:", children);
  printf ("%-15s %u\n", "Descendants:", descendants);
  if (reply_text (reply, "description"))
    printf ("%-15s %s\n", "Description:", reply_text (reply, "description"));
  return 0;
}

static int
show_xml (struct invocation *invocation, const char *name)
{
  CLEANUP_REPLY json_object *reply = NULL;

  if (get_info (invocation, name, &reply) == -1)
    return -1;
  if (reply && reply_text (reply, "xml"))
    puts (reply_text (reply, "xml"));
  return 0;
}

static int
checkpoint_dumpxml (struct invocation *invocation)
{
  return show_xml (invocation, value_of (invocation, "checkpointname"));
}

static int
checkpoint_current (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *list = get_list (invocation);
  const char *domain = value_of (invocation, "domain"), *name = NULL;
  size_t i;

  if (list == NULL)
    return -1;
  for (i = 0; i < reply_count (list, "checkpoints"); i++)
    if (reply_flag (reply_item (list, "checkpoints", i), "current"))
      name = reply_text (reply_item (list, "checkpoints", i), "name");
  if (name == NULL)
    return fail (ERROR_NOT_FOUND, "domain '%s' has no current checkpoint",
                 domain);
  if (!is_given (invocation, "name"))
    return show_xml (invocation, name);
  printf ("%s\n", name);
  return 0;
}

static int
checkpoint_parent (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;
  const char *name = value_of (invocation, "checkpointname");

  if (get_info (invocation, name, &reply) == -1)
    return -1;
  if (reply == NULL)
    return 0;
  if (reply_text (reply, "parent") == NULL)
    return fail (ERROR_NOT_FOUND,
                 "checkpoint '%s' of domain '%s' has no parent", name,
                 value_of (invocation, "domain"));
  printf ("%s\n", reply_text (reply, "parent"));
  return 0;
}

static int
checkpoint_delete (struct invocation *invocation)
{
  const char *name = value_of (invocation, "checkpointname");

  if (pullback_checkpoint_delete (invocation->handle,
                                  value_of (invocation, "domain"), name) == -1)
    return fail_as_client ();
  printf ("Domain checkpoint %s deleted\n", name);
  return 0;
}

/* clang-format off */
#define DOMAIN_PARAMETER { POSITIONAL, "domain", "DOMAIN", "the domain's name" }
#define CHECKPOINT_PARAMETER \
  { POSITIONAL, "checkpointname", "CHECKPOINT", "the checkpoint's name" }
/* clang-format on */

static const struct parameter create_parameters[] = {
  DOMAIN_PARAMETER,
  { OPTIONAL, "xmlfile", "XMLFILE",
    "a domaincheckpoint document (without: all disks, a name from the time)" },
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter create_as_parameters[] = {
  DOMAIN_PARAMETER,
  { OPTIONAL, "name", "NAME", "the checkpoint's name (without: the time)" },
  { OPTION, "description", "TEXT", "what the checkpoint is for" },
  { REPEATED, "diskspec", "SPEC",
    "DISK[,checkpoint=no|bitmap][,bitmap=NAME]; without: all disks" },
  { FLAG, "print-xml", NULL, "print the document, make no checkpoint" },
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter list_parameters[] = {
  DOMAIN_PARAMETER,
  { FLAG, "parent", NULL, "with a column of parents" },
  { FLAG, "name", NULL, "only the names, one a line" },
  { FLAG, "tree", NULL, "as a tree" },
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter one_parameters[] = {
  DOMAIN_PARAMETER,
  CHECKPOINT_PARAMETER,
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter current_parameters[] = {
  DOMAIN_PARAMETER,
  { FLAG, "name", NULL, "only its name, not the XML" },
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter delete_parameters[] = {
  DOMAIN_PARAMETER,
  CHECKPOINT_PARAMETER,
  { 0 },
};

const struct verb checkpoint_verbs[] = {
  { .name = "checkpoint-create",
    .help = "Make a checkpoint from a document",
    .parameters = create_parameters,
    .offline = true,
    .run = checkpoint_create },
  { .name = "checkpoint-create-as",
    .help = "Make a checkpoint from options",
    .parameters = create_as_parameters,
    .offline = true,
    .run = checkpoint_create_as },
  { .name = "checkpoint-list",
    .help = "List a domain's checkpoints, oldest first",
    .parameters = list_parameters,
    .run = checkpoint_list },
  { .name = "checkpoint-info",
    .help = "Show a checkpoint and its family",
    .parameters = one_parameters,
    .run = checkpoint_info },
  { .name = "checkpoint-current",
    .help = "Show the XML, or the name, of the current checkpoint",
    .parameters = current_parameters,
    .run = checkpoint_current },
  { .name = "checkpoint-parent",
    .help = "Show the name of a checkpoint's parent",
    .parameters = one_parameters,
    .run = checkpoint_parent },
  { .name = "checkpoint-dumpxml",
    .help = "Show a checkpoint's XML",
    .parameters = one_parameters,
    .run = checkpoint_dumpxml },
  { .name = "checkpoint-delete",
    .help = "Delete a checkpoint; others stay as they are",
    .parameters = delete_parameters,
    .run = checkpoint_delete },
  { 0 },
};
