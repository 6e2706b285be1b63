/* SPDX-License-Identifier: BSD-3-Clause */
/* Builds the arguments of commands and takes answers apart.  Without memory the
 * process ends: a command that lacks a member would be another command, such as
 * a backup that may fail the guest's writes. */

#include <config.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "controller/qmp/json.h"

static json_object *
made (json_object *value)
{
  if (!value)
    abort ();
  return value;
}

json_object *
qmp_object (const char *key, ...)
{
  json_object *object = made (json_object_new_object ());
  json_object *value;
  va_list args;

  va_start (args, key);
  for (; key; key = va_arg (args, const char *)) {
    value = va_arg (args, json_object *);
    if (value && json_object_object_add (object, key, value) < 0)
      abort ();
  }
  va_end (args);
  return object;
}

json_object *
qmp_append (json_object *list, json_object *value)
{
  if (!list)
    list = made (json_object_new_array ());
  if (json_object_array_add (list, value) < 0)
    abort ();
  return list;
}

json_object *
qmp_text (const char *text)
{
  return text ? made (json_object_new_string (text)) : NULL;
}

json_object *
qmp_flag (bool flag)
{
  return made (json_object_new_boolean (flag));
}

json_object *
qmp_number (uint64_t number)
{
  return made (json_object_new_uint64 (number));
}

const char *
qmp_string (json_object *object, const char *key)
{
  json_object *value;

  if (!json_object_is_type (object, json_type_object) ||
      !json_object_object_get_ex (object, key, &value) ||
      !json_object_is_type (value, json_type_string))
    return NULL;
  return json_object_get_string (value);
}

bool
qmp_string_is (json_object *object, const char *key, const char *value)
{
  const char *text = qmp_string (object, key);

  return text && value && strcmp (text, value) == 0;
}

uint64_t
qmp_get_number (json_object *object, const char *key)
{
  json_object *value;

  return json_object_object_get_ex (object, key, &value)
             ? json_object_get_uint64 (value)
             : 0;
}

bool
qmp_true (json_object *object, const char *key)
{
  json_object *value;

  return json_object_is_type (object, json_type_object) &&
         json_object_object_get_ex (object, key, &value) &&
         json_object_get_boolean (value);
}

json_object *
qmp_list (json_object *object, const char *key)
{
  json_object *value;

  if (!json_object_is_type (object, json_type_object) ||
      !json_object_object_get_ex (object, key, &value) ||
      !json_object_is_type (value, json_type_array))
    return NULL;
  return value;
}

size_t
qmp_length (json_object *list)
{
  return json_object_is_type (list, json_type_array)
             ? json_object_array_length (list)
             : 0;
}

json_object *
qmp_find (json_object *list, const char *key, const char *value)
{
  for (size_t i = 0; i < qmp_length (list); i++) {
    json_object *entry = json_object_array_get_idx (list, i);

    if (qmp_string_is (entry, key, value))
      return entry;
  }
  return NULL;
}
