/* SPDX-License-Identifier: BSD-3-Clause */
/* libFuzzer's target for the transmission phase with a hostile client: the
 * first byte says what was negotiated, the others are the client's requests. */

#include "config.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/relay-client.h"
#include "tests/fuzz/relay-judge.h"
#include "tests/fuzz/relay-origin.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct session session = { .serve = origin_serve };
  CLEANUP_FREE uint8_t *bytes = malloc (size + CLIENT_ROOM);
  struct client client = { .bytes = bytes };

  must (bytes != NULL, "malloc");
  if (size == 0)
    return 0;
  client_negotiate (&client, data[0]);
  client_add (&client, data + 1, size - 1);
  session.kind = data[0] & 32 ? SESSION_NARROW : SESSION_USUAL;
  session.sent = client.bytes;
  session.sent_length = client.length;
  session_run (&session);
  judge (&session, true);
  return 0;
}
