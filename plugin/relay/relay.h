/* SPDX-License-Identifier: BSD-3-Clause */
/* What all connections of one relay share: the configuration and what is known
 * of the server behind it.  A process can have several, one after another. */

#ifndef PULLBACK_RELAY_H
#define PULLBACK_RELAY_H

#include <stdatomic.h>
#include <stdbool.h>

#include "plugin/relay/address.h"
#include "plugin/relay/delivered.h"
#include "plugin/relay/exports.h"
#include "plugin/relay/map-fetcher.h"
#include "plugin/relay/reclaimer.h"
#include "plugin/relay/sources.h"
#include "plugin/relay/tickets.h"
#include "plugin/relay/tls.h"

/* --context: base:allocation of export 'view', under another name on another
 * export. */
struct context_definition {
  char *export;
  char *name;
  char *view;
  atomic_bool complained; /* that the view does not exist */
};

/* More are never asked of upstream at once for one connection. */
#define MAX_REQUESTS_IN_FLIGHT 64

struct configuration {
  struct address upstream;
  struct address *listen;
  size_t listen_count;
  struct context_definition *contexts;
  size_t context_count;
  struct tls_configuration tls;
  int control;           /* the control channel's socket; 0: none */
  bool insecure;         /* may listen beyond loopback */
  bool reclaim;          /* what clients have received is trimmed upstream */
  unsigned connections;  /* at most, at once */
  unsigned negotiation;  /* seconds a client has for it */
  unsigned option_bytes; /* a client may send while it lasts */
  unsigned connections_per_address;
  unsigned idle;               /* seconds a client may do nothing */
  unsigned requests_in_flight; /* of upstream for one connection */
  unsigned bytes_in_flight;    /* asked of upstream for one connection */
};

struct relay {
  const struct configuration *configuration;
  struct exports *exports;
  struct sources *sources;
  struct delivered *delivered;
  struct reclaimer *reclaimer; /* NULL: nothing is reclaimed */
  struct tls *tls;             /* NULL: there is none */
  struct tickets *tickets;     /* NULL: there is no control channel */
  struct map_fetcher *fetcher; /* the same */
  int drain_fd;                /* an eventfd, readable once 'draining' */
  atomic_bool draining;        /* no new work; what is in flight is finished */
};

/* Nothing connects yet.  The configuration must outlive it.  -1: reported, and
 * there is nothing to close. */
int relay_open (struct relay *relay, const struct configuration *configuration);

/* Only when no connection is left, and no map is being fetched. */
void relay_close (struct relay *relay);

#endif /* PULLBACK_RELAY_H */
