/* SPDX-License-Identifier: BSD-3-Clause */
/* Tickets: a list under a lock.  One that has ended is in the list no more, and
 * is freed by the last connection that it let in. */

#include "config.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/cleanup.h"
#include "plugin/relay/tickets.h"

/* A connection that a ticket has let in. */
struct guest {
  struct guest *next;
  int fd;
};

struct ticket {
  struct ticket *next;
  char *identity;
  gnutls_datum_t key;
  bool limited; /* 'deadline' counts */
  struct timespec deadline;
  struct names exports;
  bool ended;
  struct guest *guests;
};

struct tickets {
  pthread_mutex_t lock;
  struct ticket *first; /* under the lock */
  size_t count;
};

struct tickets *
tickets_new (void)
{
  struct tickets *tickets = calloc (1, sizeof *tickets);

  if (tickets)
    pthread_mutex_init (&tickets->lock, NULL);
  return tickets;
}

static void
ticket_free (struct ticket *ticket)
{
  if (ticket == NULL)
    return;
  if (ticket->key.data)
    gnutls_memset (ticket->key.data, 0, ticket->key.size);
  free (ticket->key.data);
  free (ticket->identity);
  names_free (&ticket->exports);
  free (ticket);
}

static void
cleanup_ticket_free (struct ticket **ticket)
{
  ticket_free (*ticket);
}
#define CLEANUP_TICKET __attribute__ ((cleanup (cleanup_ticket_free)))

void
tickets_free (struct tickets *tickets)
{
  struct ticket *ticket;

  if (tickets == NULL)
    return;
  while ((ticket = tickets->first)) {
    tickets->first = ticket->next;
    ticket_free (ticket);
  }
  pthread_mutex_destroy (&tickets->lock);
  free (tickets);
}

/* It goes on while the machine sleeps, and nobody can set it. */
static struct timespec
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_BOOTTIME, &time);
  return time;
}

/* Milliseconds, rounded up; 0: its time is up. */
static int64_t
time_left (const struct ticket *ticket)
{
  const struct timespec time = now ();
  const int64_t left =
      (int64_t) (ticket->deadline.tv_sec - time.tv_sec) * 1000 +
      (ticket->deadline.tv_nsec - time.tv_nsec + 999999) / 1000000;

  return left > 0 ? left : 0;
}

static bool
is_valid (const struct ticket *ticket)
{
  return !ticket->ended && (!ticket->limited || time_left (ticket) > 0);
}

static bool
identity_valid (const char *identity)
{
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789._-";
  const size_t length = strlen (identity);

  return length > 0 && length <= MAX_TICKET_IDENTITY &&
         strspn (identity, allowed) == length;
}

/* The place of the ticket in the list, or its end.  The lock is held. */
static struct ticket **
find (struct tickets *tickets, const void *identity, size_t length)
{
  struct ticket **place = &tickets->first;

  while (*place && (strlen ((*place)->identity) != length ||
                    memcmp ((*place)->identity, identity, length) != 0))
    place = &(*place)->next;
  return place;
}

static struct ticket *
ticket_new (const struct ticket_terms *terms)
{
  CLEANUP_TICKET struct ticket *ticket = calloc (1, sizeof *ticket);

  if (ticket == NULL)
    return NULL;
  ticket->identity = strdup (terms->identity);
  ticket->key.data = malloc (terms->key_size);
  if (ticket->identity == NULL || ticket->key.data == NULL)
    return NULL;
  memcpy (ticket->key.data, terms->key, terms->key_size);
  ticket->key.size = terms->key_size;
  for (size_t i = 0; i < terms->exports->count; i++)
    if (names_add (&ticket->exports, terms->exports->items[i],
                   strlen (terms->exports->items[i])) == -1)
      return NULL;
  ticket->limited = terms->seconds > 0;
  ticket->deadline = now ();
  ticket->deadline.tv_sec += terms->seconds;
  return STEAL (ticket);
}

/* Takes it from the list.  The lock is held. */
static void
end_ticket (struct tickets *tickets, struct ticket **place)
{
  struct ticket *ticket = *place;

  *place = ticket->next;
  tickets->count--;
  ticket->ended = true;
  for (const struct guest *guest = ticket->guests; guest; guest = guest->next)
    shutdown (guest->fd, SHUT_RDWR);
  if (ticket->guests == NULL)
    ticket_free (ticket);
}

int
tickets_add (struct tickets *tickets, const struct ticket_terms *terms,
             const char **why)
{
  struct ticket **place, *there, *ticket;

  if (!identity_valid (terms->identity)) {
    *why = "not an identity";
    return -1;
  }
  if (terms->key_size < MIN_TICKET_KEY || terms->key_size > MAX_TICKET_KEY) {
    *why = "not a key";
    return -1;
  }
  LOCK_IN_SCOPE (&tickets->lock);
  place = find (tickets, terms->identity, strlen (terms->identity));
  /* Its time can be up a moment before anybody looks. */
  if (*place && !is_valid (*place))
    end_ticket (tickets, place);
  there = *find (tickets, terms->identity, strlen (terms->identity));
  if (there) {
    *why = "another ticket has this identity";
    return there->key.size == terms->key_size &&
                   gnutls_memcmp (there->key.data, terms->key,
                                  terms->key_size) == 0
               ? 0
               : -1;
  }
  *why = tickets->count >= MAX_TICKETS ? "too many tickets" : "out of memory";
  ticket = tickets->count >= MAX_TICKETS ? NULL : ticket_new (terms);
  if (ticket == NULL)
    return -1;
  ticket->next = tickets->first;
  tickets->first = ticket;
  tickets->count++;
  return 0;
}

int
tickets_revoke (struct tickets *tickets, const char *identity)
{
  struct ticket **place;

  LOCK_IN_SCOPE (&tickets->lock);
  place = find (tickets, identity, strlen (identity));
  if (*place == NULL)
    return -1;
  end_ticket (tickets, place);
  return 0;
}

int
tickets_expire (struct tickets *tickets)
{
  struct ticket **place;
  int64_t next = -1;

  LOCK_IN_SCOPE (&tickets->lock);
  for (place = &tickets->first; *place;) {
    const int64_t left = (*place)->limited ? time_left (*place) : INT64_MAX;

    if (left == 0) {
      end_ticket (tickets, place);
      continue;
    }
    if (left != INT64_MAX && (next == -1 || left < next))
      next = left;
    place = &(*place)->next;
  }
  return next > INT_MAX ? INT_MAX : (int) next;
}

int
tickets_key (struct tickets *tickets, const gnutls_datum_t *identity,
             gnutls_datum_t *key)
{
  const struct ticket *ticket;

  LOCK_IN_SCOPE (&tickets->lock);
  ticket = *find (tickets, identity->data, identity->size);
  if (ticket == NULL || !is_valid (ticket))
    return 1;
  key->data = gnutls_malloc (ticket->key.size);
  if (key->data == NULL)
    return -1;
  memcpy (key->data, ticket->key.data, ticket->key.size);
  key->size = ticket->key.size;
  return 0;
}

struct ticket *
tickets_enter (struct tickets *tickets, const gnutls_datum_t *identity, int fd)
{
  CLEANUP_FREE struct guest *guest = calloc (1, sizeof *guest);
  struct ticket *ticket;

  LOCK_IN_SCOPE (&tickets->lock);
  ticket = *find (tickets, identity->data, identity->size);
  if (guest == NULL || ticket == NULL || !is_valid (ticket))
    return NULL;
  guest->fd = fd;
  guest->next = ticket->guests;
  ticket->guests = STEAL (guest);
  return ticket;
}

void
tickets_leave (struct tickets *tickets, struct ticket *ticket, int fd)
{
  struct guest **place, *guest;

  LOCK_IN_SCOPE (&tickets->lock);
  for (place = &ticket->guests; (*place)->fd != fd;)
    place = &(*place)->next;
  guest = *place;
  *place = guest->next;
  free (guest);
  if (ticket->ended && ticket->guests == NULL)
    ticket_free (ticket);
}

bool
ticket_allows (const struct ticket *ticket, const char *export)
{
  return ticket->exports.count == 0 || names_contain (&ticket->exports, export);
}
