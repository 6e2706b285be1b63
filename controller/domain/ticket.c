/* SPDX-License-Identifier: BSD-3-Clause */
/* One ticket. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/json.h"
#include "controller/domain/ticket.h"
#include "controller/domain/tickets.h"
#include "controller/domain/uri.h"

static int64_t
seconds_of (clockid_t clock)
{
  struct timespec time;

  clock_gettime (clock, &time);
  return time.tv_sec;
}

static int
fill_with_random (char *hexadecimal, size_t bytes)
{
  uint8_t random[32];

  if (getrandom (random, bytes, 0) != (ssize_t) bytes)
    return fail_errno (ERROR_SYSTEM, "random bytes");
  for (size_t i = 0; i < bytes; i++)
    sprintf (hexadecimal + 2 * i, "%02x", random[i]);
  explicit_bzero (random, sizeof random);
  return 0;
}

/* An array of strings, not empty; *exports stays NULL where it is not there. */
static int
read_exports (json_object *request, json_object **exports)
{
  json_object *member;
  size_t count, i;

  if (!json_object_object_get_ex (request, "exports", &member) ||
      member == NULL)
    return 0;
  count = json_object_is_type (member, json_type_array)
              ? json_object_array_length (member)
              : 0;
  for (i = 0; i < count; i++)
    if (!json_object_is_type (json_object_array_get_idx (member, i),
                              json_type_string))
      break;
  if (count == 0 || i < count)
    return fail (ERROR_INVALID,
                 "'exports' of a ticket must be an array of exports' names, "
                 "and not empty");
  *exports = json_object_get (member);
  return 0;
}

static int
choose_key_file (struct ticket *ticket, const char *asked, const char *folder)
{
  if (asked && asked[0] != '/')
    return fail (ERROR_INVALID,
                 "'key_file' of a ticket must be an absolute path, not '%s'",
                 asked);
  if (asked == NULL) {
    if (asprintf (&ticket->key_file, "%s/ticket-%s.psk", folder,
                  ticket->identity) == -1)
      ticket->key_file = NULL;
  }
  else
    ticket->key_file = strdup (asked);
  return ticket->key_file ? 0 : fail_errno (ERROR_SYSTEM, "ticket");
}

static void
cleanup_ticket_free (struct ticket **ticket)
{
  ticket_free (*ticket);
}
#define CLEANUP_TICKET __attribute__ ((cleanup (cleanup_ticket_free)))

struct ticket *
ticket_new (json_object *request, const char *folder)
{
  CLEANUP_TICKET struct ticket *ticket = calloc (1, sizeof *ticket);
  const char *key_file = NULL;
  int64_t seconds = 0;

  if (ticket == NULL) {
    fail_errno (ERROR_SYSTEM, "ticket");
    return NULL;
  }
  if (json_get_number (request, "seconds", 1, MAX_TICKET_SECONDS, 0,
                       &seconds) == -1 ||
      json_get_text (request, "key_file", &key_file) == -1 ||
      read_exports (request, &ticket->asked) == -1 ||
      fill_with_random (ticket->identity, 16) == -1 ||
      fill_with_random (ticket->key, 32) == -1 ||
      choose_key_file (ticket, key_file, folder) == -1)
    return NULL;
  if (seconds > 0) {
    ticket->expires = seconds_of (CLOCK_REALTIME) + seconds;
    ticket->deadline = seconds_of (CLOCK_BOOTTIME) + seconds;
  }
  return STEAL (ticket);
}

void
ticket_free (struct ticket *ticket)
{
  if (ticket == NULL)
    return;
  explicit_bzero (ticket->key, sizeof ticket->key);
  json_object_put (ticket->asked);
  free (ticket->key_file);
  free (ticket);
}

bool
ticket_expired (const struct ticket *ticket)
{
  return ticket->expires && ticket_seconds_left (ticket) <= 0;
}

int64_t
ticket_seconds_left (const struct ticket *ticket)
{
  return ticket->expires ? ticket->deadline - seconds_of (CLOCK_BOOTTIME) : 0;
}

static const char *
asked_name (const struct ticket *ticket, size_t index)
{
  return json_object_get_string (
      json_object_array_get_idx (ticket->asked, index));
}

bool
ticket_names (const struct ticket *ticket, const char *name)
{
  for (size_t i = 0; i < json_object_array_length (ticket->asked); i++)
    if (strcmp (asked_name (ticket, i), name) == 0)
      return true;
  return false;
}

bool
ticket_asks_for (const struct ticket *ticket,
                 const struct plan_exports *exports,
                 const struct plan_export *export)
{
  for (size_t i = 0; i < json_object_array_length (ticket->asked); i++)
    if (plan_export_belongs (exports, export, asked_name (ticket, i)))
      return true;
  return false;
}

int
ticket_check_exports (const struct ticket *ticket,
                      const struct plan_exports *exports)
{
  for (size_t i = 0; i < json_object_array_length (ticket->asked); i++) {
    size_t j = 0;

    while (j < exports->count &&
           strcmp (exports->items[j].name, asked_name (ticket, i)) != 0)
      j++;
    if (j == exports->count)
      return fail (ERROR_NOT_FOUND,
                   "the backup has no export '%s'; there are a disk's, "
                   "DISK@CHECKPOINT and DISK@CHECKPOINT/inplace",
                   asked_name (ticket, i));
  }
  return 0;
}

int
ticket_write_key_file (const struct ticket *ticket)
{
  CLEANUP_CLOSE int fd =
      open (ticket->key_file,
            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  int written;

  if (fd == -1)
    return fail_errno (errno == EEXIST ? ERROR_CONFLICT : ERROR_SYSTEM,
                       "cannot write the key file '%s'", ticket->key_file);
  written = dprintf (fd, "%s:%s\n", ticket->identity, ticket->key);
  if (written == (int) (strlen (ticket->identity) + strlen (ticket->key) + 2))
    return 0;
  fail_errno (ERROR_SYSTEM, "cannot write the key file '%s'", ticket->key_file);
  unlink (ticket->key_file);
  return -1;
}

void
ticket_remove_key_file (const struct ticket *ticket)
{
  unlink (ticket->key_file);
}

char *
ticket_uri (const struct ticket *ticket, const struct backup *backup,
            char *export_name)
{
  const struct backup_network where = { .export_name = export_name,
                                        .transport = backup->transport,
                                        .socket = backup->socket,
                                        .host = backup->host,
                                        .port = backup->port };
  const struct uri_tls tls = { .identity = ticket->identity,
                               .key_file = ticket->key_file };

  return nbd_uri (&where, &tls);
}

json_object *
ticket_describe (const struct ticket *ticket)
{
  json_object *json = json_object_new_object ();

  json_add_text (json, "identity", ticket->identity);
  json_add_text (json, "key_file", ticket->key_file);
  json_object_object_add (json, "exports", json_object_get (ticket->asked));
  json_object_object_add (
      json, "expires",
      ticket->expires ? json_object_new_int64 (ticket->expires) : NULL);
  return json;
}

json_object *
ticket_record (const struct ticket *ticket)
{
  json_object *json = ticket_describe (ticket);

  json_add_number (json, "deadline", ticket->deadline);
  return json;
}

static int
read_key_file (struct ticket *ticket)
{
  CLEANUP_FCLOSE FILE *file = fopen (ticket->key_file, "re");
  char identity[sizeof ticket->identity];
  int r;

  if (file == NULL)
    return fail_errno (ERROR_SYSTEM, "key file '%s'", ticket->key_file);
  setvbuf (file, NULL, _IONBF, 0);
  r = fscanf (file, "%32[0-9a-f]:%64[0-9a-f]", identity, ticket->key);
  if (r == 2 && strcmp (identity, ticket->identity) == 0 &&
      strlen (ticket->key) == sizeof ticket->key - 1)
    return 0;
  return fail (ERROR_SYSTEM, "key file '%s' is not as it was written",
               ticket->key_file);
}

struct ticket *
ticket_restore (json_object *record)
{
  CLEANUP_TICKET struct ticket *ticket = calloc (1, sizeof *ticket);
  const char *identity = NULL, *key_file = NULL;

  if (ticket == NULL) {
    fail_errno (ERROR_SYSTEM, "ticket");
    return NULL;
  }
  if (json_get_text (record, "identity", &identity) == -1 ||
      json_get_text (record, "key_file", &key_file) == -1 ||
      json_get_number (record, "expires", 0, INT64_MAX, 0, &ticket->expires) ==
          -1 ||
      json_get_number (record, "deadline", 0, INT64_MAX, 0,
                       &ticket->deadline) == -1 ||
      read_exports (record, &ticket->asked) == -1)
    return NULL;
  if (identity == NULL || strlen (identity) != sizeof ticket->identity - 1 ||
      key_file == NULL) {
    fail (ERROR_SYSTEM, "the journal's ticket is damaged");
    return NULL;
  }
  strcpy (ticket->identity, identity);
  ticket->key_file = strdup (key_file);
  if (ticket->key_file == NULL) {
    fail_errno (ERROR_SYSTEM, "ticket");
    return NULL;
  }
  return read_key_file (ticket) == -1 ? NULL : STEAL (ticket);
}
