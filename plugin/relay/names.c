/* SPDX-License-Identifier: BSD-3-Clause */
/* Strings as the protocol allows them, and lists of names. */

#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/relay/names.h"
#include "plugin/relay/protocol.h"

/* How many bytes the well-formed character at 'c' has; 0 if it is not one
 * (RFC 3629: shortest form, no surrogates, up to U+10FFFF). */
static size_t
character_length (const uint8_t *c, size_t left)
{
  static const uint32_t smallest[] = { 0, 0x1, 0x80, 0x800, 0x10000 };
  size_t length;
  uint32_t code;

  if (c[0] < 0x80)
    return c[0] != 0 ? 1 : 0;
  length = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
  if (c[0] < 0xc0 || c[0] > 0xf4 || length > left)
    return 0;
  code = c[0] & (0x7f >> length);
  for (size_t i = 1; i < length; i++) {
    if ((c[i] & 0xc0) != 0x80)
      return 0;
    code = code << 6 | (c[i] & 0x3f);
  }
  if (code < smallest[length] || code > 0x10ffff ||
      (code >= 0xd800 && code < 0xe000))
    return 0;
  return length;
}

bool
name_valid (const void *bytes, size_t length)
{
  const uint8_t *next = bytes;
  size_t n;

  if (length > NBD_MAX_STRING)
    return false;
  for (; length > 0; next += n, length -= n) {
    n = character_length (next, length);
    if (n == 0)
      return false;
  }
  return true;
}

int
names_add (struct names *names, const void *name, size_t length)
{
  char **items;

  /* Doubled whenever the count is a power of two. */
  if ((names->count & (names->count - 1)) == 0) {
    items = reallocarray (names->items, names->count ? names->count * 2 : 1,
                          sizeof *items);
    if (items == NULL)
      return -1;
    names->items = items;
  }
  names->items[names->count] = strndup (name, length);
  if (names->items[names->count] == NULL)
    return -1;
  names->count++;
  return 0;
}

bool
names_contain (const struct names *names, const char *name)
{
  for (size_t i = 0; i < names->count; i++)
    if (strcmp (names->items[i], name) == 0)
      return true;
  return false;
}

void
names_free (struct names *names)
{
  for (size_t i = 0; i < names->count; i++)
    free (names->items[i]);
  free (names->items);
  names->items = NULL;
  names->count = 0;
}
