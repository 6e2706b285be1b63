/* SPDX-License-Identifier: BSD-3-Clause */
/* The error of the current thread, in a buffer of fixed size, so that
 * reporting an error can itself not fail. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "controller/common/error.h"

/* Long enough for two paths and an explanation; what is longer is cut. */
static __thread char message[4096];
static __thread enum error_kind kind_of_message;

int
fail (enum error_kind kind, const char *format, ...)
{
  char text[sizeof message]; /* arguments may point into 'message' */
  va_list args;

  va_start (args, format);
  vsnprintf (text, sizeof text, format, args);
  va_end (args);
  strcpy (message, text);
  kind_of_message = kind;
  return -1;
}

int
fail_errno (enum error_kind kind, const char *format, ...)
{
  int saved = errno;
  char text[sizeof message];
  va_list args;

  va_start (args, format);
  vsnprintf (text, sizeof text, format, args);
  va_end (args);
  fail (kind, "%s: %s", text, strerror (saved));
  errno = saved;
  return -1;
}

int
fail_prefix (const char *format, ...)
{
  char text[sizeof message];
  va_list args;

  va_start (args, format);
  vsnprintf (text, sizeof text, format, args);
  va_end (args);
  return fail (kind_of_message, "%s: %s", text, message);
}

const char *
error_message (void)
{
  return message;
}

enum error_kind
error_kind (void)
{
  return kind_of_message;
}

void
error_clear (void)
{
  message[0] = '\0';
  kind_of_message = ERROR_NONE;
}

void
log_line (const char *format, ...)
{
  char text[sizeof message];
  char when[sizeof "2026-01-01T00:00:00Z"];
  struct tm utc;
  time_t now = time (NULL);
  va_list args;

  strftime (when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r (&now, &utc));
  va_start (args, format);
  vsnprintf (text, sizeof text, format, args);
  va_end (args);
  fprintf (stderr, "%s %s\n", when, text);
}
