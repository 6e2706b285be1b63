/* SPDX-License-Identifier: BSD-3-Clause */
/* Which names are accepted, and what is said of those that are not. */

#include <config.h>

#include <string.h>

#include "controller/formats/names.h"
#include "tests/formats/check.h"

static void
accepted (const char *name)
{
  error_clear ();
  CHECK (name_check ("checkpoint", name) == 0);
  CHECK (error_kind () == ERROR_NONE);
}

static void
refused (const char *name, const char *why)
{
  error_clear ();
  CHECK (name_check ("checkpoint", name) == -1);
  CHECK_ERROR (ERROR_INVALID, why);
  CHECK (strstr (error_message (), "checkpoint"));
  CHECK (strstr (error_message (), "use 1 to 128 bytes"));
}

static void
test_accepted (void)
{
  accepted ("monday");
  accepted ("m");
  accepted ("1525889631");
  accepted ("a b");
  accepted ("a.b..c.");
  accepted ("-x");
  accepted ("a\\b'c\"d<e>&f");
  accepted ("Montag \xc3\xbc"); /* U+00FC */
  accepted ("\xe6\x97\xa5\xe6\x9b\x9c");
  accepted ("\xf0\x9f\x92\xbe"); /* U+1F4BE, four bytes */
  accepted ("\xf4\x8f\xbf\xbd"); /* U+10FFFD, close to the last */
  accepted ("e\xcc\x81");        /* a combining accent: not normalized */
  accepted ("\xc2\xa0");         /* U+00A0, just above the C1 controls */
}

static void
test_refused (void)
{
  refused (NULL, "is empty");
  refused ("", "is empty");
  refused (".", "begins with '.'");
  refused ("..", "begins with '.'");
  refused (".hidden", "begins with '.'");
  refused ("a/b", "'a/b' contains '/'");
  refused ("a@b", "'a@b' contains '@'");
  refused ("a\nb", "'a?b' contains a control character");
  refused ("a\x7f", "control character");
  refused ("\x01", "control character");
  refused ("a\xc2\x80", "control character");    /* U+0080 */
  refused ("a\xc2\x9f", "control character");    /* U+009F */
  refused ("\xef\xbf\xbf", "control character"); /* U+FFFF: not in XML */
}

static void
test_not_utf8 (void)
{
  refused ("a\xff", "is not valid UTF-8");
  refused ("\x80", "is not valid UTF-8");             /* no first byte */
  refused ("\xc3", "is not valid UTF-8");             /* cut */
  refused ("\xc3(", "is not valid UTF-8");            /* no continuation */
  refused ("\xe2\x82", "is not valid UTF-8");         /* cut */
  refused ("\xf0\x9f\x92", "is not valid UTF-8");     /* cut */
  refused ("\xc0\xaf", "is not valid UTF-8");         /* overlong '/' */
  refused ("\xe0\x80\xaf", "is not valid UTF-8");     /* overlong '/' */
  refused ("\xf0\x80\x80\xaf", "is not valid UTF-8"); /* overlong '/' */
  refused ("\xc1\x80", "is not valid UTF-8");         /* overlong '@' */
  refused ("\xed\xa0\x80", "is not valid UTF-8");     /* a surrogate */
  refused ("\xf4\x90\x80\x80", "is not valid UTF-8"); /* U+110000 */
  refused ("\xf8\x88\x80\x80\x80", "is not valid UTF-8");
}

static void
test_length (void)
{
  char name[200] = { 0 };

  memset (name, 'x', 128);
  accepted (name);
  name[128] = 'x';
  refused (name, "is longer than 128 bytes");
  memset (name, 'x', 199);
  refused (name, "xxx...' is longer than 128 bytes");
  /* Bytes count, not characters: 64 of two bytes fit, 65 do not. */
  memset (name, 0, sizeof name);
  for (int i = 0; i < 64; i++)
    memcpy (name + 2 * i, "\xc3\xbc", 2);
  accepted (name);
  memcpy (name + 128, "\xc3\xbc", 2);
  refused (name, "is longer than 128 bytes");
}

int
main (void)
{
  test_accepted ();
  test_refused ();
  test_not_utf8 ();
  test_length ();
  return 0;
}
