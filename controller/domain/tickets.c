/* SPDX-License-Identifier: BSD-3-Clause */
/* The tickets of a job: how they are made, given to the relay and taken back.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/exports.h"
#include "controller/domain/json.h"
#include "controller/domain/ticket.h"
#include "controller/domain/tickets.h"

struct tickets {
  const char *folder;
  const struct plan *plan;
  const struct datapath *datapath;
  struct ticket *list[MAX_JOB_TICKETS]; /* in the order in which they came */
  size_t count;
};

struct tickets *
tickets_new (const char *folder, const struct plan *plan,
             const struct datapath *datapath)
{
  struct tickets *tickets = calloc (1, sizeof *tickets);

  if (tickets == NULL) {
    fail_errno (ERROR_SYSTEM, "tickets");
    return NULL;
  }
  tickets->folder = folder;
  tickets->plan = plan;
  tickets->datapath = datapath;
  return tickets;
}

void
tickets_free (struct tickets *tickets)
{
  if (tickets == NULL)
    return;
  for (size_t i = 0; i < tickets->count; i++)
    ticket_free (tickets->list[i]);
  free (tickets);
}

/* With its key file. */
static void
drop (struct tickets *tickets, size_t index)
{
  ticket_remove_key_file (tickets->list[index]);
  ticket_free (tickets->list[index]);
  tickets->count--;
  memmove (&tickets->list[index], &tickets->list[index + 1],
           (tickets->count - index) * sizeof tickets->list[0]);
}

/* The relay has let go of these by itself. */
static void
drop_expired (struct tickets *tickets)
{
  for (size_t i = tickets->count; i-- > 0;)
    if (ticket_expired (tickets->list[i]))
      drop (tickets, i);
}

/* The names of exports, as the ticket's 'asked' has them; the relay is told
 * every single one. */
static int
give (const struct tickets *tickets, const struct ticket *ticket)
{
  CLEANUP_PLAN_EXPORTS struct plan_exports exports = { 0 };
  CLEANUP_FREE const char **words = NULL;
  int64_t left = ticket_seconds_left (ticket);
  char seconds[32];
  size_t count = 0;

  /* Never 0, which has no limit. */
  if (ticket->expires && left < 1)
    left = 1;
  if (plan_exports (tickets->plan, &exports) == -1)
    return -1;
  words = calloc (exports.count + 5, sizeof *words);
  if (words == NULL)
    return fail_errno (ERROR_SYSTEM, "ticket");
  snprintf (seconds, sizeof seconds, "%" PRId64, left);
  words[count++] = "ticket";
  words[count++] = ticket->identity;
  words[count++] = ticket->key;
  words[count++] = seconds;
  for (size_t i = 0; ticket->asked && i < exports.count; i++)
    if (ticket_asks_for (ticket, &exports, &exports.items[i]))
      words[count++] = exports.items[i].name;
  return datapath_say (tickets->datapath, words, NULL);
}

static int
check_exports (const struct tickets *tickets, const struct ticket *ticket)
{
  CLEANUP_PLAN_EXPORTS struct plan_exports exports = { 0 };

  if (ticket->asked == NULL)
    return 0;
  if (plan_exports (tickets->plan, &exports) == -1)
    return -1;
  return ticket_check_exports (ticket, &exports);
}

/* Those a client begins with: each disk's, the changes since the backup's base,
 * or, of a limited ticket, what was asked for. */
static bool
is_shown (const struct tickets *tickets, const struct ticket *ticket,
          const struct plan_export *export)
{
  const char *base = tickets->plan->disks[export->disk].incremental;

  if (ticket->asked && ticket_names (ticket, export->name))
    return true;
  if (export->in_place ||
      (export->checkpoint &&
       (base == NULL || strcmp (base, export->checkpoint) != 0)))
    return false;
  return true;
}

static int
add_uris (const struct tickets *tickets, const struct ticket *ticket,
          json_object *answer)
{
  CLEANUP_PLAN_EXPORTS struct plan_exports exports = { 0 };
  json_object *uris = json_object_new_array ();

  json_object_object_add (answer, "uris", uris);
  if (plan_exports (tickets->plan, &exports) == -1)
    return -1;
  for (size_t i = 0; i < exports.count; i++) {
    const struct plan_export *export = &exports.items[i];
    CLEANUP_FREE char *uri = NULL;

    if ((ticket->asked && !ticket_asks_for (ticket, &exports, export)) ||
        !is_shown (tickets, ticket, export))
      continue;
    uri = ticket_uri (ticket, tickets->plan->backup, export->name);
    if (uri == NULL)
      return fail_errno (ERROR_SYSTEM, "URI");
    json_object *entry = json_object_new_object ();
    json_add_text (entry, "export", export->name);
    json_add_text (entry, "uri", uri);
    json_object_array_add (uris, entry);
  }
  return 0;
}

static int
add (struct tickets *tickets, struct ticket *ticket, json_object **answer)
{
  CLEANUP_JSON json_object *said = ticket_describe (ticket);

  json_add_text (said, "key", ticket->key);
  if (check_exports (tickets, ticket) == -1 ||
      add_uris (tickets, ticket, said) == -1 ||
      ticket_write_key_file (ticket) == -1)
    return -1;
  if (give (tickets, ticket) == -1) {
    ticket_remove_key_file (ticket);
    return -1;
  }
  tickets->list[tickets->count++] = ticket;
  *answer = STEAL (said);
  return 0;
}

int
tickets_add (struct tickets *tickets, json_object *request,
             json_object **answer)
{
  struct ticket *ticket;

  drop_expired (tickets);
  if (tickets->count >= MAX_JOB_TICKETS)
    return fail (ERROR_CONFLICT,
                 "the backup has %d tickets already; revoke one first",
                 MAX_JOB_TICKETS);
  ticket = ticket_new (request, tickets->folder);
  if (ticket && add (tickets, ticket, answer) == 0)
    return 0;
  ticket_free (ticket);
  return -1;
}

int
tickets_revoke (struct tickets *tickets, const char *identity)
{
  const char *const words[] = { "revoke", identity, NULL };
  size_t i;

  drop_expired (tickets);
  for (i = 0; i < tickets->count; i++)
    if (strcmp (tickets->list[i]->identity, identity) == 0)
      break;
  if (i == tickets->count)
    return fail (ERROR_NOT_FOUND,
                 "the backup has no ticket '%s'; backup-ticket --list shows "
                 "those it has",
                 identity);
  /* Of a relay that has just been started again nobody has one. */
  if (datapath_say (tickets->datapath, words, NULL) == -1 &&
      error_kind () != ERROR_CONFLICT)
    return -1;
  drop (tickets, i);
  return 0;
}

json_object *
tickets_list (struct tickets *tickets)
{
  json_object *list = json_object_new_array ();

  drop_expired (tickets);
  for (size_t i = 0; i < tickets->count; i++)
    json_object_array_add (list, ticket_describe (tickets->list[i]));
  return list;
}

int
tickets_give_again (struct tickets *tickets)
{
  drop_expired (tickets);
  for (size_t i = 0; i < tickets->count; i++)
    if (give (tickets, tickets->list[i]) == -1)
      return -1;
  return 0;
}

json_object *
tickets_record (const struct tickets *tickets, json_object *files)
{
  json_object *list = json_object_new_array ();

  for (size_t i = 0; i < tickets->count; i++) {
    json_object_array_add (list, ticket_record (tickets->list[i]));
    json_object_array_add (files,
                           json_object_new_string (tickets->list[i]->key_file));
  }
  return list;
}

int
tickets_restore (struct tickets *tickets, json_object *record)
{
  const size_t count = json_object_is_type (record, json_type_array)
                           ? json_object_array_length (record)
                           : 0;

  for (size_t i = 0; i < count && tickets->count < MAX_JOB_TICKETS; i++) {
    struct ticket *ticket =
        ticket_restore (json_object_array_get_idx (record, i));

    if (ticket)
      tickets->list[tickets->count++] = ticket;
    else
      log_line ("a ticket is lost: %s", error_message ());
  }
  drop_expired (tickets);
  return 0;
}

void
tickets_remove_files (struct tickets *tickets)
{
  for (size_t i = 0; i < tickets->count; i++)
    ticket_remove_key_file (tickets->list[i]);
}
