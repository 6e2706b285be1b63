/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of pre-shared keys, as psktool(1) of gnutls makes them: lines
 * USER:KEY, the key in hexadecimal digits, and so the user's name after a #. */

#ifndef PULLBACK_KEYS_H
#define PULLBACK_KEYS_H

#include <gnutls/gnutls.h>

/* The user's key from the file, in gnutls's memory.  0; 1: there is no such
 * user; -1: out of memory, it is not a key, or the file is too long (which is
 * reported). */
int keys_find (int fd, const gnutls_datum_t *user, gnutls_datum_t *key);

#endif /* PULLBACK_KEYS_H */
