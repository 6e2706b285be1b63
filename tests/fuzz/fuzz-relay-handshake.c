/* SPDX-License-Identifier: BSD-3-Clause */
/* libFuzzer's target for a hostile client of the relay: the first byte says how
 * the relay is started, the others are the client's. */

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/relay-judge.h"
#include "tests/fuzz/relay-origin.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct session session = { .serve = origin_serve };

  if (size == 0)
    return 0;
  session.kind = data[0] & 3;
  session.sent = data + 1;
  session.sent_length = size - 1;
  session_run (&session);
  judge (&session, true);
  return 0;
}
