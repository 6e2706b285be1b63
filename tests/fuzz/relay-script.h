/* SPDX-License-Identifier: BSD-3-Clause */
/* A server behind the relay that says what a script tells it, right or wrong:
 * a script for each connection, one after another in one run of bytes.
 *   0 LENGTH16 BYTES   sends them
 *   1                  waits for one option or request of the relay's
 *   2 LENGTH16         sends sixteen times so many zeroes
 *   3                  ends this connection's script; the next one's begins
 *   4 LENGTH16 BYTES   sends them with the cookie of the request just heard
 * (the first byte counts modulo 5). */

#ifndef PULLBACK_RELAY_SCRIPT_H
#define PULLBACK_RELAY_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

struct script {
  const uint8_t *bytes;
  size_t length;
};

/* A serve_function; 'opaque' is the script.  At its end it closes. */
void script_serve (const void *opaque, unsigned number, int fd);

#endif /* PULLBACK_RELAY_SCRIPT_H */
