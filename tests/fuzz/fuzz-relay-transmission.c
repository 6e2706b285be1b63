/* SPDX-License-Identifier: BSD-3-Clause */
/* libFuzzer's target for the transmission phase with a hostile client: the
 * first byte says what was negotiated, the others are the client's requests. */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/protocol.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/relay-judge.h"
#include "tests/fuzz/relay-origin.h"

/* What the client sends. */
struct client {
  uint8_t *bytes;
  size_t length;
};

static void
add (struct client *client, const void *data, size_t length)
{
  memcpy (client->bytes + client->length, data, length);
  client->length += length;
}

static void
add_u32 (struct client *client, uint32_t number)
{
  number = htobe32 (number);
  add (client, &number, sizeof number);
}

static void
add_text (struct client *client, const char *text)
{
  add_u32 (client, strlen (text));
  add (client, text, strlen (text));
}

static void
add_option (struct client *client, uint32_t number, uint32_t length)
{
  const struct nbd_option_header header = { htobe64 (NBD_OPTION_MAGIC),
                                            htobe32 (number),
                                            htobe32 (length) };

  add (client, &header, sizeof header);
}

/* The bits of 'choice', from the lowest on: two for the kind of replies (two
 * values for the simple ones), two for the export, one for contexts. */
static void
negotiate (struct client *client, uint8_t choice)
{
  static const char *const names[] = { "vda", "big", "vda@monday",
                                       "big@tuesday" };
  static const uint32_t replies[] = { 0, 0, NBD_OPT_STRUCTURED_REPLY,
                                      NBD_OPT_EXTENDED_HEADERS };
  const char *const name = names[choice >> 2 & 3];
  const uint32_t option = replies[choice & 3];
  static const char *const contexts[] = { "base:allocation",
                                          "qemu:dirty-bitmap:backup-vda",
                                          "pullback:since:tuesday" };

  add_u32 (client, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
  if (option)
    add_option (client, option, 0);
  if (choice & 16) {
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
  add (client, "\0\0", 2);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct session session = { .serve = origin_serve };
  CLEANUP_FREE uint8_t *bytes = malloc (size + 1024);
  struct client client = { .bytes = bytes };

  must (bytes != NULL, "malloc");
  if (size == 0)
    return 0;
  negotiate (&client, data[0]);
  add (&client, data + 1, size - 1);
  session.kind = data[0] & 32 ? SESSION_NARROW : SESSION_USUAL;
  session.sent = client.bytes;
  session.sent_length = client.length;
  session_run (&session);
  judge (&session, true);
  return 0;
}
