/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs on domains: add, list, info, remove. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/cli/reply.h"
#include "controller/cli/table.h"
#include "controller/cli/verb.h"
#include "controller/common/error.h"
#include "controller/common/paths.h"

/* Says of each disk what it is and, if it cannot be backed up, why. */
static int
show_disks (json_object *domain)
{
  CLEANUP_TABLE struct table *table = table_new (
      "Disk", "Size", "Format", "Backup", "Checkpoint", "Device", "File", NULL);
  size_t i, count = reply_count (domain, "disks");

  if (table == NULL)
    return -1;
  for (i = 0; i < count; i++) {
    json_object *disk = reply_item (domain, "disks", i);

    if (table_row (table, reply_text (disk, "name"),
                   format_size (reply_number (disk, "size")).text,
                   reply_text (disk, "format"),
                   reply_flag (disk, "backup") ? "yes" : "no",
                   reply_flag (disk, "checkpoint") ? "yes" : "no",
                   reply_text (disk, "device") ? reply_text (disk, "device")
                                               : reply_text (disk, "node"),
                   reply_text (disk, "file")) == -1)
      return -1;
  }
  table_show (table);
  for (i = 0; i < count; i++) {
    json_object *disk = reply_item (domain, "disks", i);

    if (reply_text (disk, "reason"))
      printf ("%s: %s\n", reply_text (disk, "name"),
              reply_text (disk, "reason"));
  }
  return 0;
}

/* What the daemon found about its checkpoints. */
static void
show_findings (json_object *domain)
{
  size_t i;

  for (i = 0; i < reply_count (domain, "broken"); i++) {
    json_object *broken = reply_item (domain, "broken", i);

    printf ("Checkpoint %s is broken: %s\n", reply_text (broken, "name"),
            reply_text (broken, "reason"));
  }
  for (i = 0; i < reply_count (domain, "repaired"); i++)
    printf ("Repaired: %s\n",
            json_object_get_string (reply_item (domain, "repaired", i)));
  for (i = 0; i < reply_count (domain, "other_bitmaps"); i++) {
    json_object *other = reply_item (domain, "other_bitmaps", i);

    printf ("Bitmap %s of disk %s is of no checkpoint known here\n",
            reply_text (other, "bitmap"), reply_text (other, "disk"));
  }
}

/* Stays NULL if there is none; "" stays "". */
static int
get_agent (const struct invocation *invocation, char **agent)
{
  const char *given = value_of (invocation, "agent");

  if (given == NULL)
    return 0;
  *agent = *given ? paths_absolute (given) : strdup ("");
  if (*agent == NULL)
    return fail_errno (ERROR_SYSTEM, "--agent");
  return paths_check_socket (*agent);
}

static int
domain_add (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;
  CLEANUP_FREE char *qmp = NULL;
  CLEANUP_FREE char *agent = NULL;
  const char *name = value_of (invocation, "domain");

  /* The daemon has a working directory of its own. */
  qmp = paths_absolute (value_of (invocation, "qmp"));
  if (qmp == NULL || get_agent (invocation, &agent) == -1 ||
      open_daemon (invocation) == -1)
    return -1;
  if (reply_take (invocation,
                  pullback_domain_add (invocation->handle, name, qmp, agent,
                                       values_of (invocation, "disk")),
                  &reply) == -1)
    return -1;
  if (reply == NULL)
    return 0;
  printf ("Domain %s added\n\n", name);
  return show_disks (reply);
}

static int
domain_list (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;
  CLEANUP_TABLE struct table *table =
      table_new ("Name", "Backup", "Monitor", NULL);
  size_t i;

  if (table == NULL ||
      reply_take (invocation, pullback_domain_list (invocation->handle),
                  &reply) == -1)
    return -1;
  if (reply == NULL)
    return 0;
  for (i = 0; i < reply_count (reply, "domains"); i++) {
    json_object *domain = reply_item (reply, "domains", i);

    if (is_given (invocation, "name"))
      printf ("%s\n", reply_text (domain, "name"));
    else if (table_row (table, reply_text (domain, "name"),
                        reply_flag (domain, "job") ? "running" : "-",
                        reply_text (domain, "qmp")) == -1)
      return -1;
  }
  if (!is_given (invocation, "name"))
    table_show (table);
  return 0;
}

static int
domain_info (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;

  if (reply_take (invocation,
                  pullback_domain_info (invocation->handle,
                                        value_of (invocation, "domain")),
                  &reply) == -1)
    return -1;
  if (reply == NULL)
    return 0;
  printf ("%-15s %s\n", "Name:", reply_text (reply, "name"));
  printf ("%-15s %s\n", "Monitor:", reply_text (reply, "qmp"));
  if (reply_text (reply, "agent"))
    printf ("%-15s %s\n", "Guest agent:", reply_text (reply, "agent"));
  printf ("%-15s %s\n", "QEMU:", reply_text (reply, "qemu"));
  printf ("%-15s %s\n\n", "Method:", reply_text (reply, "method"));
  if (show_disks (reply) == -1)
    return -1;
  show_findings (reply);
  return 0;
}

static int
domain_set (struct invocation *invocation)
{
  CLEANUP_FREE char *agent = NULL;
  const char *name = value_of (invocation, "domain");

  if (get_agent (invocation, &agent) == -1)
    return -1;
  if (pullback_domain_set (invocation->handle, name, agent) == -1)
    return fail_as_client ();
  printf ("Domain %s changed\n", name);
  return 0;
}

static int
domain_remove (struct invocation *invocation)
{
  const char *name = value_of (invocation, "domain");

  if (pullback_domain_remove (invocation->handle, name) == -1)
    return fail_as_client ();
  printf ("Domain %s removed\n", name);
  return 0;
}

static const struct parameter add_parameters[] = {
  { POSITIONAL, "domain", "NAME", "what the domain is to be called" },
  { NEEDED, "qmp", "PATH", "the Unix socket of QEMU's monitor (QMP)" },
  { OPTION, "agent", "PATH", "the Unix socket of the guest agent" },
  { REPEATED, "disk", "NAME=DEVICE",
    "call the disk of a device (its id or QOM path) or node so" },
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter list_parameters[] = {
  { FLAG, "name", NULL, "only the names, one a line" },
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter info_parameters[] = {
  { POSITIONAL, "domain", "DOMAIN", "the domain's name" },
  JSON_PARAMETER,
  { 0 },
};

static const struct parameter set_parameters[] = {
  { POSITIONAL, "domain", "DOMAIN", "the domain's name" },
  { NEEDED, "agent", "PATH",
    "the Unix socket of the guest agent; '': it has none" },
  { 0 },
};

static const struct parameter remove_parameters[] = {
  { POSITIONAL, "domain", "DOMAIN", "the domain's name" },
  { 0 },
};

const struct verb domain_verbs[] = {
  { .name = "domain-add",
    .help = "Make a running QEMU known under a name",
    .parameters = add_parameters,
    .offline = true,
    .run = domain_add },
  { .name = "domain-list",
    .help = "List the domains that are known",
    .parameters = list_parameters,
    .run = domain_list },
  { .name = "domain-info",
    .help = "Show a domain, its disks, and what is wrong with them",
    .parameters = info_parameters,
    .run = domain_info },
  { .name = "domain-set",
    .help = "Change what is known of a domain",
    .parameters = set_parameters,
    .run = domain_set },
  { .name = "domain-remove",
    .help = "Forget a domain and the metadata of its checkpoints",
    .parameters = remove_parameters,
    .run = domain_remove },
  { 0 },
};
