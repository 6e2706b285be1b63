/* SPDX-License-Identifier: BSD-3-Clause */
/* What an honest client says until transmission begins, and some requests. */

#ifndef PULLBACK_RELAY_CLIENT_H
#define PULLBACK_RELAY_CLIENT_H

#include <stddef.h>
#include <stdint.h>

/* What the client sends; the buffer is the caller's, and large enough. */
struct client {
  uint8_t *bytes;
  size_t length;
};

/* The room that a client needs beside the bytes that are added to it. */
#define CLIENT_ROOM 4096

void client_add (struct client *client, const void *data, size_t length);

/* The bits of a choice, from the lowest on: two for the kind of replies (two
 * values for the simple ones), two for the export, one for contexts. */
#define CLIENT_REPLIES    3
#define CLIENT_STRUCTURED 2
#define CLIENT_EXTENDED   3
#define CLIENT_BIG        4 /* an export of 6 GiB, not of less than a MiB */
#define CLIENT_CONTEXTS   16

void client_negotiate (struct client *client, uint8_t choice);

struct client_request {
  uint16_t type;
  uint64_t cookie; /* as it goes over the wire */
  uint64_t offset, length;
};

void client_request (struct client *client, uint8_t choice,
                     const struct client_request *request);

#endif /* PULLBACK_RELAY_CLIENT_H */
