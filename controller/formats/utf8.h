/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading UTF-8 from outside, one character at a time. */

#ifndef PULLBACK_UTF8_H
#define PULLBACK_UTF8_H

#include <stdbool.h>

/* The character at *text, which is moved behind it; at the end 0 without
 * moving.  -1: not UTF-8 (overlong forms, surrogates and what is above U+10FFFF
 * are not, RFC 3629). */
int utf8_next (const char **text);

/* A control character: C0, DEL or C1 (Unicode's category Cc). */
bool is_control (int character);

/* Whether XML 1.0 can hold the character at all (its production Char). */
bool xml_can_hold (int character);

/* A text as far as a message can show it: what would confuse a terminal or a
 * log becomes '?', and it is cut where a name would be too long. */
struct shown_text {
  char text[128 + sizeof "..."];
};
struct shown_text utf8_show (const char *text);

#endif /* PULLBACK_UTF8_H */
