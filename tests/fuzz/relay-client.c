/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts together what a client of the relay sends. */

#include "config.h"

#include <string.h>

#include "plugin/relay/protocol.h"
#include "tests/fuzz/relay-client.h"

void
client_add (struct client *client, const void *data, size_t length)
{
  memcpy (client->bytes + client->length, data, length);
  client->length += length;
}

static void
add_u32 (struct client *client, uint32_t number)
{
  number = htobe32 (number);
  client_add (client, &number, sizeof number);
}

static void
add_text (struct client *client, const char *text)
{
  add_u32 (client, strlen (text));
  client_add (client, text, strlen (text));
}

static void
add_option (struct client *client, uint32_t number, uint32_t length)
{
  const struct nbd_option_header header = { htobe64 (NBD_OPTION_MAGIC),
                                            htobe32 (number),
                                            htobe32 (length) };

  client_add (client, &header, sizeof header);
}

void
client_negotiate (struct client *client, uint8_t choice)
{
  static const char *const names[] = { "vda", "big", "vda@monday",
                                       "big@tuesday" };
  static const uint32_t replies[] = { 0, 0, NBD_OPT_STRUCTURED_REPLY,
                                      NBD_OPT_EXTENDED_HEADERS };
  const char *const name = names[choice >> 2 & 3];
  const uint32_t option = replies[choice & CLIENT_REPLIES];
  static const char *const contexts[] = { "base:allocation",
                                          "qemu:dirty-bitmap:backup-vda",
                                          "pullback:since:tuesday" };

  add_u32 (client, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
  if (option)
    add_option (client, option, 0);
  if (choice & CLIENT_CONTEXTS) {
    add_option (client, NBD_OPT_SET_META_CONTEXT,
                4 + strlen (name) + 4 + 3 * 4 + strlen (contexts[0]) +
                    strlen (contexts[1]) + strlen (contexts[2]));
    add_text (client, name);
    add_u32 (client, 3);
    for (int i = 0; i < 3; i++)
      add_text (client, contexts[i]);
  }
  add_option (client, NBD_OPT_GO, 4 + strlen (name) + 2);
  add_text (client, name);
  client_add (client, "\0\0", 2);
}

void
client_request (struct client *client, uint8_t choice,
                const struct client_request *request)
{
  const struct nbd_request compact = {
    htobe32 (NBD_REQUEST_MAGIC), 0,
    htobe16 (request->type),     request->cookie,
    htobe64 (request->offset),   htobe32 (request->length)
  };
  const struct nbd_extended_request extended = {
    htobe32 (NBD_EXTENDED_REQUEST_MAGIC),
    0,
    htobe16 (request->type),
    request->cookie,
    htobe64 (request->offset),
    htobe64 (request->length)
  };

  if ((choice & CLIENT_REPLIES) == CLIENT_EXTENDED)
    client_add (client, &extended, sizeof extended);
  else
    client_add (client, &compact, sizeof compact);
}
