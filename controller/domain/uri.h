/* SPDX-License-Identifier: BSD-3-Clause */
/* URIs of exports on NBD servers. */

#ifndef PULLBACK_URI_H
#define PULLBACK_URI_H

#include "controller/formats/formats.h"

/* What a client that has to use TLS needs, in libnbd's form. */
struct uri_tls {
  const char *identity; /* of a pre-shared key; NULL: by certificate */
  const char *key_file;
};

/* nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH, percent-encoded
 * where a URI wants it; with 'tls' (NULL: without) nbds, IDENTITY@ before the
 * host and tls-psk-file=PATH.  The caller's.  NULL: out of memory, not
 * reported. */
char *nbd_uri (const struct backup_network *where, const struct uri_tls *tls);

#endif /* PULLBACK_URI_H */
