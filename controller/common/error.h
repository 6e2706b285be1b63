/* SPDX-License-Identifier: BSD-3-Clause */
/* The error of the current thread: its kind, and a text for a person that
 * names the object and the remedy. */

#ifndef PULLBACK_ERROR_H
#define PULLBACK_ERROR_H

#include <stdarg.h>

/* The kind decides the HTTP status and nothing else. */
enum error_kind {
  ERROR_NONE,
  ERROR_INVALID,     /* the request is malformed: 400 */
  ERROR_NOT_FOUND,   /* an object that is named does not exist: 404 */
  ERROR_CONFLICT,    /* exists, is in use, or is in the wrong state: 409 */
  ERROR_UNSUPPORTED, /* this QEMU, disk or build cannot do it: 422 */
  ERROR_QEMU,        /* QEMU refused, failed or went away: 502 */
  ERROR_SYSTEM,      /* the operating system did: 500 */
  ERROR_UNREACHABLE, /* in a client only: no daemon answers */
};

/* Sets the error of this thread.  Always returns -1, so that a function can
 * 'return fail (...)'. */
int fail (enum error_kind kind, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

/* As fail, with ": " and the text of errno appended. */
int fail_errno (enum error_kind kind, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

/* Puts "text: " before the error that this thread has.  Returns -1. */
int fail_prefix (const char *format, ...)
    __attribute__ ((format (printf, 1, 2)));

/* The last error of this thread; never NULL, "" if there was none. */
const char *error_message (void);
enum error_kind error_kind (void);
void error_clear (void);

/* A line in the daemon's log (standard error) with the time before it. */
void log_line (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

#endif /* PULLBACK_ERROR_H */
