/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs on one checkpoint that is there: info, current, parent, XML,
 * delete; and the table of all verbs on checkpoints. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/cli/checkpoint.h"
#include "controller/cli/cut.h"
#include "controller/cli/reply.h"
#include "controller/cli/xpath.h"
#include "controller/common/error.h"

/* 'json' in the caller's table decides between text and object. */
static int
get_info (struct invocation *invocation, const char *name, unsigned flags,
          json_object **reply)
{
  return reply_take (invocation,
                     pullback_checkpoint_info (invocation->handle,
                                               value_of (invocation, "domain"),
                                               name, flags),
                     reply);
}

json_object *
get_checkpoints (struct invocation *invocation)
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

const char *
current_checkpoint (json_object *list)
{
  size_t i;

  for (i = 0; i < reply_count (list, "checkpoints"); i++)
    if (reply_flag (reply_item (list, "checkpoints", i), "current"))
      return reply_text (reply_item (list, "checkpoints", i), "name");
  return NULL;
}

static void
show_state (json_object *reply)
{
  const char *reason = reply_text (reply, "reason");

  printf ("%-15s %s%s%s\n", "State:", reply_text (reply, "state"),
          reason ? ": " : "", reason ? reason : "");
}

static int
checkpoint_info (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;
  const char *name = value_of (invocation, "checkpointname");
  const char *parent;

  if (get_info (invocation, name, 0, &reply) == -1)
    return -1;
  if (reply == NULL)
    return 0;
  parent = reply_text (reply, "parent");
  printf ("%-15s %s\n", "Name:", reply_text (reply, "name"));
  printf ("%-15s %s\n", "Domain:", value_of (invocation, "domain"));
  printf ("%-15s %s\n", "Parent:", parent ? parent : "-");
  printf ("%-15s %" PRId64 "\n", "Children:", reply_number (reply, "children"));
  printf ("%-15s %" PRId64 "\n",
          "Descendants:", reply_number (reply, "descendants"));
  printf ("%-15s %s\n",
          "Current:", reply_flag (reply, "current") ? "yes" : "no");
  printf ("%-15s %s\n",
          "Created:", format_time (reply_number (reply, "creation_time")).text);
  printf ("%-15s %s\n", "Changes:",
          reply_has (reply, "size")
              ? format_size (reply_number (reply, "size")).text
              : "not known");
  show_state (reply);
  if (reply_text (reply, "generation"))
    printf ("%-15s %s\n", "Generation:", reply_text (reply, "generation"));
  if (reply_text (reply, "description"))
    printf ("%-15s %s\n", "Description:", reply_text (reply, "description"));
  return 0;
}

static int
show_xml (struct invocation *invocation, const char *name)
{
  CLEANUP_REPLY json_object *reply = NULL;

  if (get_info (invocation, name, 0, &reply) == -1)
    return -1;
  if (reply && reply_text (reply, "xml"))
    puts (reply_text (reply, "xml"));
  return 0;
}

static int
checkpoint_dumpxml (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;
  unsigned flags = 0;

  if (is_given (invocation, "security-info"))
    flags |= PULLBACK_CHECKPOINT_XML_SECURE;
  if (is_given (invocation, "no-domain"))
    flags |= PULLBACK_CHECKPOINT_XML_NO_DOMAIN;
  if (is_given (invocation, "size"))
    flags |= PULLBACK_CHECKPOINT_XML_SIZE;
  if (is_given (invocation, "generation"))
    flags |= PULLBACK_CHECKPOINT_XML_GENERATION;
  if (check_xpath_options (invocation) == -1 ||
      get_info (invocation, value_of (invocation, "checkpointname"), flags,
                &reply) == -1)
    return -1;
  return reply && reply_text (reply, "xml")
             ? show_document (invocation, reply_text (reply, "xml"))
             : 0;
}

static int
checkpoint_current (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *list = get_checkpoints (invocation);
  const char *name;

  if (list == NULL)
    return -1;
  name = current_checkpoint (list);
  if (name == NULL)
    return fail (ERROR_NOT_FOUND, "domain '%s' has no current checkpoint",
                 value_of (invocation, "domain"));
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

  if (get_info (invocation, name, 0, &reply) == -1)
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
  bool children_only = is_given (invocation, "children-only");
  unsigned flags = 0;

  if (is_given (invocation, "children"))
    flags |= PULLBACK_CHECKPOINT_DELETE_CHILDREN;
  if (children_only)
    flags |= PULLBACK_CHECKPOINT_DELETE_CHILDREN_ONLY;
  if (is_given (invocation, "metadata"))
    flags |= PULLBACK_CHECKPOINT_DELETE_METADATA;
  if (refuse_both (invocation, "children", "children-only") == -1)
    return -1;
  if (pullback_checkpoint_delete (invocation->handle,
                                  value_of (invocation, "domain"), name,
                                  flags) == -1)
    return fail_as_client ();
  printf (children_only ? "Domain checkpoint %s children deleted\n"
                        : "Domain checkpoint %s deleted\n",
          name);
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
  { FLAG, "redefine", NULL, "the bitmaps are there: store the metadata only" },
  { FLAG, "redefine-validate", NULL,
    "with --redefine: refuse bitmaps that cannot be used" },
  QUIESCE_PARAMETER,
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter create_as_parameters[] = {
  DOMAIN_PARAMETER,
  { OPTIONAL, "name", "NAME", "the checkpoint's name (without: the time)" },
  { OPTIONAL, "description", "DESCRIPTION", "what the checkpoint is for" },
  { ARGUMENTS, "diskspec", "SPEC",
    "DISK[,checkpoint=no|bitmap][,bitmap=NAME]; without: all disks" },
  QUIESCE_PARAMETER,
  { FLAG, "atomic", NULL, "all disks or none, as it always is" },
  { FLAG, "print-xml", NULL, "print the document, make no checkpoint" },
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter list_parameters[] = {
  DOMAIN_PARAMETER,
  { FLAG, "parent", NULL, "with a column of parents" },
  { FLAG, "roots", NULL, "only those without a parent" },
  { FLAG, "leaves", NULL, "only those without children" },
  { FLAG, "no-leaves", NULL, "only those with children" },
  { FLAG, "tree", NULL, "as a tree" },
  { OPTION, "from", "CHECKPOINT", "only the children of this one" },
  { FLAG, "current", NULL, "only the children of the current one" },
  { FLAG, "descendants", NULL, "with --from, --current: all descendants" },
  { FLAG, "topological", NULL, "parents before children, not by name" },
  { FLAG, "name", NULL, "only the names, one a line" },
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter one_parameters[] = {
  DOMAIN_PARAMETER,
  CHECKPOINT_PARAMETER,
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter dumpxml_parameters[] = {
  DOMAIN_PARAMETER,
  CHECKPOINT_PARAMETER,
  { FLAG, "security-info", NULL, "with secrets, of which it has none" },
  { FLAG, "no-domain", NULL, "without <domain>" },
  { FLAG, "size", NULL, "with the bytes that changed since, for each disk" },
  { FLAG, "generation", NULL, "with Pullback's own element" },
  XPATH_PARAMETERS,
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter edit_parameters[] = {
  DOMAIN_PARAMETER,
  CHECKPOINT_PARAMETER,
  { 0 },
};

static const struct parameter import_parameters[] = {
  DOMAIN_PARAMETER,
  { REPEATED, "checkpoint", "NAME",
    "import this one, or fail (without: all that can be used)" },
  { FLAG, "dry-run", NULL, "only say what would be imported" },
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
  { FLAG, "children", NULL, "all its descendants, too" },
  { FLAG, "children-only", NULL, "all its descendants, but not itself" },
  { FLAG, "metadata", NULL, "forget it, and leave the bitmaps in the images" },
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
    .help = "List a domain's checkpoints",
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
    .parameters = dumpxml_parameters,
    .run = checkpoint_dumpxml },
  { .name = "checkpoint-edit",
    .help = "Change a checkpoint's description in an editor",
    .parameters = edit_parameters,
    .run = checkpoint_edit },
  { .name = "checkpoint-delete",
    .help = "Delete a checkpoint; others stay as they are",
    .parameters = delete_parameters,
    .run = checkpoint_delete },
  { .name = "checkpoint-import",
    .help = "Make checkpoints of bitmaps that are in the images",
    .parameters = import_parameters,
    .run = checkpoint_import },
  { 0 },
};
