/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules for names, and a message for each that says which name broke it. */

#include <config.h>

#include <string.h>

#include "controller/common/error.h"
#include "controller/formats/names.h"
#include "controller/formats/utf8.h"

#define RULE                                                                   \
  "use 1 to 128 bytes of UTF-8 without '/', '@', control characters or a "     \
  "leading '.'"

static int
refuse (const char *what, const char *name, const char *why)
{
  return fail (ERROR_INVALID, "%s name '%s' %s; " RULE, what,
               utf8_show (name).text, why);
}

int
name_check (const char *what, const char *name)
{
  const char *next = name;
  int character;

  if (name == NULL || name[0] == '\0')
    return fail (ERROR_INVALID, "the %s name is empty; " RULE, what);
  if (name[0] == '.')
    return refuse (what, name, "begins with '.'");
  while ((character = utf8_next (&next)) != 0) {
    if (character < 0)
      return refuse (what, name, "is not valid UTF-8");
    if (character == '/')
      return refuse (what, name, "contains '/'");
    if (character == '@')
      return refuse (what, name, "contains '@'");
    if (is_control (character) || !xml_can_hold (character))
      return refuse (what, name, "contains a control character");
  }
  if (next - name > NAME_MAX_LENGTH)
    return refuse (what, name, "is longer than 128 bytes");
  return 0;
}
