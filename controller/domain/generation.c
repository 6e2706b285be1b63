/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes generations. */

#include <config.h>

#include <ctype.h>
#include <stdio.h>

#include <sys/random.h>

#include "controller/common/error.h"
#include "controller/domain/generation.h"

char *
generation_new (void)
{
  unsigned char byte[16];
  char *text;

  if (getrandom (byte, sizeof byte, 0) != sizeof byte) {
    fail_errno (ERROR_SYSTEM, "random numbers");
    return NULL;
  }
  /* RFC 9562: version 4, which is random, and the variant. */
  byte[6] = (byte[6] & 0x0f) | 0x40;
  byte[8] = (byte[8] & 0x3f) | 0x80;
  if (asprintf (&text,
                "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
                "%02x%02x%02x%02x%02x%02x",
                byte[0], byte[1], byte[2], byte[3], byte[4], byte[5], byte[6],
                byte[7], byte[8], byte[9], byte[10], byte[11], byte[12],
                byte[13], byte[14], byte[15]) == -1) {
    fail_errno (ERROR_SYSTEM, "generation");
    return NULL;
  }
  return text;
}

struct generation_digest
generation_digest (const char *generation)
{
  struct generation_digest digest = { "" };
  size_t length = 0;

  for (; *generation && length + 1 < sizeof digest.text; generation++)
    if (*generation != '-')
      digest.text[length++] = tolower ((unsigned char) *generation);
  return digest;
}
