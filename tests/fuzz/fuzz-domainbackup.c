/* SPDX-License-Identifier: BSD-3-Clause */
/* libFuzzer's target for the document domainbackup. */

#include "controller/formats/formats.h"
#include "tests/fuzz/round-trip.h"

static char *
format (const char *xml, size_t length)
{
  CLEANUP_BACKUP struct backup *backup = backup_parse (xml, length);

  return backup ? backup_format (backup) : NULL;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  check_round_trip (format, SCHEMAS "/domainbackup.rng", data, size);
  return 0;
}
