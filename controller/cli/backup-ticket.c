/* SPDX-License-Identifier: BSD-3-Clause */
/* backup-ticket: adds, lists and revokes the tickets of a backup that runs. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/cli/backup-ticket.h"
#include "controller/cli/reply.h"
#include "controller/cli/seconds.h"
#include "controller/cli/table.h"
#include "controller/common/error.h"
#include "controller/common/paths.h"

int
ticket_refuse_parameters (const struct invocation *invocation,
                          const char *option)
{
  static const char *const of_ticket[] = { "export", "expires", "key-file",
                                           NULL };
  const char *const *name;

  for (name = of_ticket; *name; name++)
    if (is_given (invocation, *name))
      return fail (ERROR_INVALID, "--%s needs --%s", *name, option);
  return 0;
}

int
ticket_read (const struct invocation *invocation,
             struct pullback_ticket *ticket, char **key_file)
{
  const char *given = value_of (invocation, "key-file");

  *ticket = (struct pullback_ticket){ 0 };
  *key_file = NULL;
  ticket->exports = values_of (invocation, "export");
  if (read_seconds (invocation, "expires", 366 * 86400, &ticket->seconds) == -1)
    return -1;
  if (given == NULL)
    return 0;
  *key_file = paths_absolute (given);
  ticket->key_file = *key_file;
  return *key_file ? 0 : -1;
}

int
ticket_show (json_object *ticket)
{
  CLEANUP_TABLE struct table *table = table_new ("Export", "URI", NULL);
  size_t i, count = reply_count (ticket, "uris");
  int64_t expires = reply_number (ticket, "expires");

  if (table == NULL)
    return -1;
  printf ("%-15s %s\n", "Ticket:", reply_text (ticket, "identity"));
  printf ("%-15s %s\n", "Key file:", reply_text (ticket, "key_file"));
  printf ("%-15s %s\n",
          "Expires:", expires ? format_time (expires).text : "with the backup");
  for (i = 0; i < count; i++) {
    json_object *uri = reply_item (ticket, "uris", i);

    if (table_row (table, reply_text (uri, "export"),
                   reply_text (uri, "uri")) == -1)
      return -1;
  }
  putchar ('\n');
  table_show (table);
  return 0;
}

static int
add (struct invocation *invocation, const char *domain)
{
  CLEANUP_REPLY json_object *reply = NULL;
  CLEANUP_FREE char *key_file = NULL;
  struct pullback_ticket ticket;

  if (ticket_read (invocation, &ticket, &key_file) == -1 ||
      reply_take (invocation,
                  pullback_ticket_add (invocation->handle, domain, &ticket),
                  &reply) == -1)
    return -1;
  return reply ? ticket_show (reply) : 0;
}

/* "vda, vdb@monday"; the caller's.  NULL: reported. */
static char *
exports_text (json_object *ticket)
{
  size_t i, size, count = reply_count (ticket, "exports");
  char *text = NULL;
  FILE *file = open_memstream (&text, &size);

  if (file && count == 0)
    fputs ("all", file);
  for (i = 0; file && i < count; i++)
    fprintf (file, "%s%s", i > 0 ? ", " : "",
             json_object_get_string (reply_item (ticket, "exports", i)));
  if (file && fclose (file) == 0)
    return text;
  fail_errno (ERROR_SYSTEM, "ticket");
  return NULL;
}

static int
list (struct invocation *invocation, const char *domain)
{
  CLEANUP_REPLY json_object *reply = NULL;
  CLEANUP_TABLE struct table *table =
      table_new ("Ticket", "Exports", "Expires", "Key file", NULL);
  size_t i;

  if (table == NULL ||
      reply_take (invocation, pullback_ticket_list (invocation->handle, domain),
                  &reply) == -1)
    return -1;
  if (reply == NULL)
    return 0;
  for (i = 0; i < reply_count (reply, "tickets"); i++) {
    json_object *ticket = reply_item (reply, "tickets", i);
    int64_t expires = reply_number (ticket, "expires");
    CLEANUP_FREE char *exports = exports_text (ticket);

    if (exports == NULL ||
        table_row (table, reply_text (ticket, "identity"), exports,
                   expires ? format_time (expires).text : "with the backup",
                   reply_text (ticket, "key_file")) == -1)
      return -1;
  }
  table_show (table);
  return 0;
}

static int
revoke_one (struct invocation *invocation, const char *domain,
            const char *identity)
{
  if (pullback_ticket_revoke (invocation->handle, domain, identity) == -1)
    return fail_as_client ();
  printf ("Ticket %s revoked\n", identity);
  return 0;
}

int
backup_ticket (struct invocation *invocation)
{
  const char *domain = value_of (invocation, "domain");
  const char *identity = value_of (invocation, "revoke");

  if (refuse_both (invocation, "add", "revoke") == -1 ||
      refuse_both (invocation, "add", "list") == -1 ||
      refuse_both (invocation, "list", "revoke") == -1)
    return -1;
  if (is_given (invocation, "add"))
    return add (invocation, domain);
  if (ticket_refuse_parameters (invocation, "add") == -1)
    return -1;
  return identity ? revoke_one (invocation, domain, identity)
                  : list (invocation, domain);
}

const struct parameter backup_ticket_parameters[] = {
  { POSITIONAL, "domain", "DOMAIN", "the domain's name" },
  { FLAG, "list", NULL, "those that are valid (what it does without options)" },
  { FLAG, "add", NULL, "make one" },
  { OPTION, "revoke", "TICKET", "end one; its clients are cut off" },
  TICKET_PARAMETERS,
  JSON_PARAMETER,
  { 0 },
};
