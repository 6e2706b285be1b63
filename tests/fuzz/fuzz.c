/* SPDX-License-Identifier: BSD-3-Clause */
/* What all targets share. */

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

static int kept = STDERR_FILENO;

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  (void) argc, (void) argv;
  kept = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  signal (SIGPIPE, SIG_IGN); /* as the relay's main does */
  return 0;
}

void
must (bool holds, const char *format, ...)
{
  va_list args;

  if (holds)
    return;
  va_start (args, format);
  vdprintf (kept, format, args);
  va_end (args);
  dprintf (kept, "\n");
  abort ();
}
