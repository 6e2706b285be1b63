/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS of the relay as a server: its credentials, who of the clients is
 * admitted, and the TLS handshake. */

#ifndef PULLBACK_TLS_H
#define PULLBACK_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "plugin/relay/names.h"
#include "plugin/relay/stream.h"
#include "plugin/relay/tickets.h"

enum tls_mode {
  TLS_UNSET, /* TLS_REQUIRE if there are credentials, else TLS_OFF */
  TLS_OFF,
  TLS_ALLOW,   /* if the client wants it */
  TLS_REQUIRE, /* from every client, before anything else */
};

struct tls_configuration {
  enum tls_mode mode;
  char *certificates;      /* folder; NULL: none */
  char *psk;               /* file of pre-shared keys; NULL: none */
  bool any_peer;           /* clients need no certificate of ours */
  struct names subjects;   /* patterns of which one must match; none: any */
  struct errands *errands; /* who opens 'psk' for us; NULL: we do */
};

void tls_configuration_free (struct tls_configuration *configuration);

struct tls;

/* Loads the credentials; the configuration, and tickets if there are any, must
 * outlive it.  NULL: reported. */
struct tls *tls_new (const struct tls_configuration *configuration,
                     struct tickets *tickets);
void tls_free (struct tls *tls);

/* The TLS handshake with a client.  From here on all bytes of the stream are
 * encrypted; a byte that came before them is none of the client's, and ends it.
 * -1: reported; nothing else can be said to the client. */
int tls_accept (struct tls *tls, struct stream *stream);

/* Whether the client came by a key rather than a certificate, and then by
 * which; the session's. */
bool tls_key_identity (const struct stream *stream, gnutls_datum_t *identity);

#endif /* PULLBACK_TLS_H */
