/* SPDX-License-Identifier: BSD-3-Clause */
/* For unit tests in C: a check that says what it saw, and the error of the
 * controller compared with a text. */

#ifndef PULLBACK_TEST_CHECK_H
#define PULLBACK_TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/common/error.h"

/* Unlike assert it is never compiled out. */
#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf (stderr, "%s:%d: %s does not hold; error: '%s'\n", __FILE__,     \
               __LINE__, #condition, error_message ());                        \
      exit (EXIT_FAILURE);                                                     \
    }                                                                          \
  } while (0)

/* The controller's last error is of the kind and contains the text. */
#define CHECK_ERROR(kind, text)                                                \
  CHECK (error_kind () == (kind) && strstr (error_message (), text))

#endif /* PULLBACK_TEST_CHECK_H */
