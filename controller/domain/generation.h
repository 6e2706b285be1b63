/* SPDX-License-Identifier: BSD-3-Clause */
/* Names can be used again: the generation tells one "monday" from the next. */

#ifndef PULLBACK_GENERATION_H
#define PULLBACK_GENERATION_H

/* A random UUID, the caller's; NULL: reported. */
char *generation_new (void);

/* The digest that is exported: the first 64 bits of the UUID, in 16 lower-case
 * hexadecimal digits. */
struct generation_digest {
  char text[17];
};
struct generation_digest generation_digest (const char *generation);

#endif /* PULLBACK_GENERATION_H */
