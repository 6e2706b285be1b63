/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as the command line gives them, and connecting to one. */

#ifndef PULLBACK_ADDRESS_H
#define PULLBACK_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

/* Either a Unix socket's path or a host and port; strings owned. */
struct errands;

struct address {
  char *path;
  char *host; /* "" only when listening: every address */
  char *port;
  struct errands *errands; /* who connects to it for us; NULL: we do */
};

/* "unix:PATH" or "tcp:HOST:PORT" (HOST may be "[v6]").  -1: reported. */
int address_parse (const char *text, struct address *address);

/* The same, or an NBD URI: "nbd://HOST[:PORT]" or "nbd+unix:///?socket=PATH",
 * without an export, as all of the server's are served. */
int address_parse_server (const char *text, struct address *address);

void address_free (struct address *address);

/* A connected blocking socket, with TCP_NODELAY where that exists.  -1:
 * reported. */
int address_connect (const struct address *address);

/* For messages; the caller frees. */
char *address_text (const struct address *address);

/* Only this machine can reach it. */
bool address_is_local (const struct sockaddr *address);

/* Who is counted as one client: an IPv4 address, or an IPv6 network of 64 bits,
 * which one machine can have whole.  Returns the key's length, 0 for an address
 * that tells nothing of its owner, such as a Unix socket's. */
#define ADDRESS_KEY_SIZE 8
size_t address_key (const struct sockaddr_storage *address,
                    uint8_t key[ADDRESS_KEY_SIZE]);

/* The path as sockaddr_un.  -1, reported: too long for one. */
int address_unix (const char *path, struct sockaddr_storage *storage,
                  socklen_t *length);

#endif /* PULLBACK_ADDRESS_H */
