/* SPDX-License-Identifier: BSD-3-Clause */
/* URIs of exports on NBD servers. */

#ifndef PULLBACK_URI_H
#define PULLBACK_URI_H

#include "controller/formats/formats.h"

/* nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH, percent-encoded
 * where a URI wants it; the caller's.  NULL: out of memory, not reported. */
char *nbd_uri (const struct backup_network *where);

#endif /* PULLBACK_URI_H */
