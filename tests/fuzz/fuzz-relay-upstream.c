/* SPDX-License-Identifier: BSD-3-Clause */
/* libFuzzer's target for a hostile server behind the relay: the length of what
 * the client sends in two bytes, the client's bytes, and the server's script.
 */

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/relay-judge.h"
#include "tests/fuzz/relay-script.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct session session = { .serve = script_serve };
  struct script script;

  if (size < 2)
    return 0;
  session.sent = data + 2;
  session.sent_length = data[0] << 8 | data[1];
  if (session.sent_length > size - 2)
    session.sent_length = size - 2;
  script.bytes = session.sent + session.sent_length;
  script.length = size - 2 - session.sent_length;
  session.opaque = &script;
  session_run (&session);
  judge (&session, false);
  return 0;
}
