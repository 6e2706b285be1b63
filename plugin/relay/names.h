/* SPDX-License-Identifier: BSD-3-Clause */
/* Strings as the protocol allows them, and lists of names. */

#ifndef PULLBACK_NAMES_H
#define PULLBACK_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* UTF-8 without NUL, at most NBD_MAX_STRING bytes. */
bool name_valid (const void *bytes, size_t length);

/* Strings and array are owned. */
struct names {
  char **items;
  size_t count;
};

/* Adds a copy.  -1: errno ENOMEM. */
int names_add (struct names *names, const void *name, size_t length);
bool names_contain (const struct names *names, const char *name);
void names_free (struct names *names);

#define CLEANUP_NAMES __attribute__ ((cleanup (names_free)))

#endif /* PULLBACK_NAMES_H */
