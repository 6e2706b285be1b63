/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks of values that both documents hold. */

#include <config.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/formats/names.h"
#include "controller/formats/utf8.h"
#include "controller/formats/values.h"
#include "controller/formats/xml-read.h"

#define LETTERS_AND_DIGITS                                                     \
  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

int
store_name (char **where, const char *what, const char *value)
{
  if (name_check (what, value) < 0)
    return -1;
  return xml_store_text (where, value);
}

int
store_image_name (char **where, const char *value)
{
  const char *next;
  int character;

  if (value[0] == '\0')
    return fail (ERROR_INVALID, "the path is empty");
  if (strlen (value) >= PATH_MAX)
    return fail (ERROR_INVALID, "the path is longer than %d bytes",
                 PATH_MAX - 1);
  for (next = value; (character = utf8_next (&next)) != 0;)
    if (character < 0 || is_control (character))
      return fail (ERROR_INVALID,
                   "the path is not UTF-8 or has a control character; use "
                   "another one");
  return xml_store_text (where, value);
}

int
store_path (char **where, const char *value)
{
  if (value[0] != '/' || value[1] == '\0')
    return fail (ERROR_INVALID, "'%s' is not an absolute path of a file",
                 value);
  return store_image_name (where, value);
}

int
store_uuid (char **where, const char *value)
{
  static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  const char *digits = "0123456789abcdefABCDEF";
  size_t i;

  if (strlen (value) == 32 && value[strspn (value, digits)] == '\0')
    return xml_store_text (where, value);
  for (i = 0; i < sizeof form - 1 && value[i]; i++)
    if (form[i] == '-' ? value[i] != '-' : !strchr (digits, value[i]))
      break;
  if (form[i] != '\0' || value[i] != '\0')
    return fail (ERROR_INVALID, "'%s' is not a UUID; expected %s",
                 utf8_show (value).text, form);
  return xml_store_text (where, value);
}

int
store_host (char **where, const char *value)
{
  size_t length = strlen (value);

  /* 253 is the longest name that DNS has. */
  if (length < 1 || length > 253 ||
      strspn (value, LETTERS_AND_DIGITS ".-:") != length)
    return fail (ERROR_INVALID,
                 "'%s' is not a host's name or address; expected letters, "
                 "digits, '.', '-' and ':'",
                 utf8_show (value).text);
  return xml_store_text (where, value);
}

static int
compare_names (const void *left, const void *right)
{
  return strcmp (*(const char *const *) left, *(const char *const *) right);
}

int
check_names_differ (const char *what, const struct named_list *list)
{
  CLEANUP_FREE const char **names = calloc (list->nr_items + 1, sizeof *names);
  size_t i;

  if (!names)
    return fail_errno (ERROR_SYSTEM, "cannot compare %zu names",
                       list->nr_items);
  for (i = 0; i < list->nr_items; i++)
    names[i] = *(const char *const *) ((const char *) list->items +
                                       i * list->item_size);
  qsort (names, list->nr_items, sizeof *names, compare_names);
  for (i = 1; i < list->nr_items; i++)
    if (strcmp (names[i - 1], names[i]) == 0)
      return fail (ERROR_INVALID, "%s '%s' is listed twice", what, names[i]);
  return 0;
}
