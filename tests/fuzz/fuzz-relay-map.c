/* SPDX-License-Identifier: BSD-3-Clause */
/* libFuzzer's target for maps that the relay reads as bytes from a hostile
 * server: the first byte says what the client negotiates and whether the map's
 * header is right, the others are what its segments have. */

#include "config.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "plugin/relay/protocol.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/relay-client.h"
#include "tests/fuzz/relay-judge.h"
#include "tests/fuzz/relay-origin.h"

#define FLAWED_HEADER 32

/* Along the map, which makes the relay read ahead, and then what it says. */
static void
ask (struct client *client, uint8_t choice)
{
  const uint64_t size =
      choice & CLIENT_BIG ? UINT64_C (6) << 30 : UINT64_C (777777);
  uint64_t cookie = 1;

  for (int round = 0; round < 2; round++)
    for (uint64_t offset = 0; offset < size; offset += UINT64_C (1) << 30)
      client_request (client, choice,
                      &(struct client_request){
                          .type = NBD_CMD_BLOCK_STATUS,
                          .cookie = cookie++,
                          .offset = offset,
                          .length = size < 1 << 30 ? size : 1 << 30 });
  client_request (client, choice,
                  &(struct client_request){ .type = NBD_CMD_READ,
                                            .cookie = cookie,
                                            .length = 128 * 1024 });
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct session session = { .serve = origin_serve };
  uint8_t bytes[CLIENT_ROOM];
  struct client client = { .bytes = bytes };
  struct origin_map map;
  uint8_t choice;

  if (size == 0)
    return 0;
  /* Without contexts, which need other replies than simple ones, nobody would
   * read a map. */
  choice = data[0] | CLIENT_CONTEXTS | CLIENT_STRUCTURED;
  map = (struct origin_map){ .bytes = data + 1,
                             .length = size - 1,
                             .is_flawed = data[0] & FLAWED_HEADER };
  client_negotiate (&client, choice);
  ask (&client, choice);
  session.sent = client.bytes;
  session.sent_length = client.length;
  session.opaque = &map;
  session_run (&session);
  judge (&session, false);
  return 0;
}
