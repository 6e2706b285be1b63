/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading UTF-8 from outside, strictly: one spelling a character, so that two
 * names that look different to a file system are never the same text. */

#include <config.h>

#include <stddef.h>
#include <string.h>

#include "controller/formats/utf8.h"

int
utf8_next (const char **text)
{
  const unsigned char *bytes = (const unsigned char *) *text;
  int character, smallest;
  size_t length, i;

  if (bytes[0] == '\0')
    return 0;
  if (bytes[0] < 0x80)
    length = 1, character = bytes[0], smallest = 0;
  else if ((bytes[0] & 0xe0) == 0xc0)
    length = 2, character = bytes[0] & 0x1f, smallest = 0x80;
  else if ((bytes[0] & 0xf0) == 0xe0)
    length = 3, character = bytes[0] & 0x0f, smallest = 0x800;
  else if ((bytes[0] & 0xf8) == 0xf0)
    length = 4, character = bytes[0] & 0x07, smallest = 0x10000;
  else
    return -1;

  /* The final NUL is no continuation byte, so this stops there. */
  for (i = 1; i < length; i++) {
    if ((bytes[i] & 0xc0) != 0x80)
      return -1;
    character = character << 6 | (bytes[i] & 0x3f);
  }
  if (character < smallest || character > 0x10ffff ||
      (character >= 0xd800 && character <= 0xdfff))
    return -1;
  *text += length;
  return character;
}

bool
is_control (int character)
{
  return (character >= 0 && character < 0x20) ||
         (character >= 0x7f && character <= 0x9f);
}

bool
xml_can_hold (int character)
{
  return (character >= 0x20 && character != 0xfffe && character != 0xffff) ||
         character == '\t' || character == '\n' || character == '\r';
}

struct shown_text
utf8_show (const char *text)
{
  struct shown_text shown;
  char *end = shown.text;
  const char *limit = shown.text + sizeof shown.text - sizeof "...";

  while (*text) {
    const char *start = text;
    int character = utf8_next (&text);

    if (character < 0)
      text++;
    if (end + (text - start) > limit) {
      end = stpcpy (end, "...");
      break;
    }
    if (character < 0 || is_control (character))
      *end++ = '?';
    else
      end = mempcpy (end, start, text - start);
  }
  *end = '\0';
  return shown;
}
