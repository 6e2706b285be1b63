/* SPDX-License-Identifier: BSD-3-Clause */
/* Tickets: pre-shared keys for TLS, each for some exports and for a time, that
 * come and go while the relay runs; and which connections each has let in. */

#ifndef PULLBACK_TICKETS_H
#define PULLBACK_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gnutls/gnutls.h>

#include "plugin/relay/names.h"

#define MAX_TICKETS         1024
#define MAX_TICKET_IDENTITY 128 /* bytes; of A-Z a-z 0-9 . _ - */
#define MIN_TICKET_KEY      16  /* bytes */
#define MAX_TICKET_KEY      64

struct tickets;
struct ticket;

/* NULL: errno. */
struct tickets *tickets_new (void);
/* Only when no connection has entered any more; erases the keys. */
void tickets_free (struct tickets *tickets);

struct ticket_terms {
  const char *identity;
  const uint8_t *key;
  size_t key_size;
  unsigned seconds; /* from now on, suspended time included; 0: no limit */
  const struct names *exports; /* exactly these; empty: all */
};

/* Adds one; everything is copied.  One of this identity and key stays as it is.
 * -1: *why says why not, a string constant. */
int tickets_add (struct tickets *tickets, const struct ticket_terms *terms,
                 const char **why);

/* No client enters with it any more, and those that did are cut off.  -1: there
 * is none. */
int tickets_revoke (struct tickets *tickets, const char *identity);

/* Revokes those whose time is up.  Returns milliseconds until the next one's
 * is, -1: there is none. */
int tickets_expire (struct tickets *tickets);

/* The key for gnutls, which frees it.  1: no such ticket.  -1: out of memory.
 */
int tickets_key (struct tickets *tickets, const gnutls_datum_t *identity,
                 gnutls_datum_t *key);

/* A client that has proved to have the key.  'fd' is shut down when the ticket
 * ends, until tickets_leave.  NULL: it has ended meanwhile, or out of memory.
 */
struct ticket *tickets_enter (struct tickets *tickets,
                              const gnutls_datum_t *identity, int fd);
void tickets_leave (struct tickets *tickets, struct ticket *ticket, int fd);

/* Of one that was entered with. */
bool ticket_allows (const struct ticket *ticket, const char *export);

#endif /* PULLBACK_TICKETS_H */
