/* SPDX-License-Identifier: BSD-3-Clause */
/* Options that are a number of seconds. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "controller/cli/seconds.h"
#include "controller/common/error.h"

int
read_seconds (const struct invocation *invocation, const char *option,
              unsigned most, unsigned *seconds)
{
  const char *text = value_of (invocation, option);
  char *end;
  unsigned long value;

  *seconds = 0;
  if (text == NULL)
    return 0;
  errno = 0;
  value = strtoul (text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end || errno || value == 0 ||
      value > most)
    return fail (ERROR_INVALID,
                 "--%s takes a number of seconds from 1 to %u, not '%s'",
                 option, most, text);
  *seconds = value;
  return 0;
}
