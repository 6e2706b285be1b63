/* SPDX-License-Identifier: BSD-3-Clause */
/* libFuzzer's target for the document domaincheckpoint. */

#include "controller/formats/formats.h"
#include "tests/fuzz/round-trip.h"

static char *
format (const char *xml, size_t length)
{
  CLEANUP_CHECKPOINT struct checkpoint *checkpoint =
      checkpoint_parse (xml, length);

  return checkpoint ? checkpoint_format (checkpoint) : NULL;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  check_round_trip (format, SCHEMAS "/domaincheckpoint.rng", data, size);
  return 0;
}
