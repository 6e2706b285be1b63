/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages for whoever runs the relay, on stderr. */

#include "config.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "plugin/relay/message.h"

/* Strangers can cause lines by the thousand, and are not to fill a disk: so
 * many at once, and then so many a second. */
#define MOST_LINES 1000
#define MORE_LINES 10

/* Whether one more may be written; *left_out is how many were not since the
 * last that was. */
static bool
may_write (unsigned *left_out)
{
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static int64_t lines = MOST_LINES;
  static unsigned dropped;
  static time_t last;
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  LOCK_IN_SCOPE (&lock);
  lines += (int64_t) (now.tv_sec - last) * MORE_LINES;
  lines = lines < MOST_LINES ? lines : MOST_LINES;
  last = now.tv_sec;
  if (lines == 0) {
    dropped++;
    return false;
  }
  lines--;
  *left_out = dropped;
  dropped = 0;
  return true;
}

static void
write_line (const char *format, va_list args)
{
  static const char prefix[] = "pullback-relay: ";
  char line[1024] = "pullback-relay: ";
  const size_t start = sizeof prefix - 1;
  size_t length;
  ssize_t written;

  vsnprintf (line + start, sizeof line - start - 1, format, args);
  length = strlen (line);
  for (size_t i = start; i < length; i++)
    if ((unsigned char) line[i] < ' ' || line[i] == 127)
      line[i] = '?';
  line[length++] = '\n';
  written = write (STDERR_FILENO, line, length);
  (void) written; /* nowhere left to complain */
}

static void
write_left_out (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  write_line (format, args);
  va_end (args);
}

void
message (const char *format, ...)
{
  unsigned left_out;
  va_list args;

  if (!may_write (&left_out))
    return;
  if (left_out > 0)
    write_left_out ("%u messages were left out here", left_out);
  va_start (args, format);
  write_line (format, args);
  va_end (args);
}
