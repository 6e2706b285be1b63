/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages for whoever runs the relay, on stderr. */

#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plugin/relay/message.h"

void
message (const char *format, ...)
{
  static const char prefix[] = "pullback-relay: ";
  char line[1024] = "pullback-relay: ";
  const size_t start = sizeof prefix - 1;
  va_list args;
  size_t length;
  ssize_t written;

  va_start (args, format);
  vsnprintf (line + start, sizeof line - start - 1, format, args);
  va_end (args);

  length = strlen (line);
  for (size_t i = start; i < length; i++)
    if ((unsigned char) line[i] < ' ' || line[i] == 127)
      line[i] = '?';
  line[length++] = '\n';
  written = write (STDERR_FILENO, line, length);
  (void) written; /* nowhere left to complain */
}
