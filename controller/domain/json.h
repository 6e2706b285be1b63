/* SPDX-License-Identifier: BSD-3-Clause */
/* Small helpers to build and read the API's JSON. */

#ifndef PULLBACK_JSON_H
#define PULLBACK_JSON_H

#include <inttypes.h>
#include <stdbool.h>

#include <json-c/json.h>

#include "controller/common/error.h"

static inline void
cleanup_json_put (json_object **object)
{
  json_object_put (*object);
}
#define CLEANUP_JSON __attribute__ ((cleanup (cleanup_json_put)))

/* Adds a string, or null where 'text' is NULL. */
static inline void
json_add_text (json_object *object, const char *key, const char *text)
{
  json_object_object_add (object, key,
                          text ? json_object_new_string (text) : NULL);
}

static inline void
json_add_number (json_object *object, const char *key, int64_t number)
{
  json_object_object_add (object, key, json_object_new_int64 (number));
}

static inline void
json_add_bool (json_object *object, const char *key, bool value)
{
  json_object_object_add (object, key, json_object_new_boolean (value));
}

/* The string member 'key' of a request, the object's; NULL if it is not there.
 * -1: it is something else, reported. */
static inline int
json_get_text (json_object *object, const char *key, const char **text)
{
  json_object *member;

  *text = NULL;
  if (!json_object_object_get_ex (object, key, &member) || member == NULL)
    return 0;
  if (!json_object_is_type (member, json_type_string))
    return fail (ERROR_INVALID, "'%s' of the request must be a string", key);
  *text = json_object_get_string (member);
  return 0;
}

/* The same for an object. */
static inline int
json_get_object (json_object *object, const char *key, json_object **value)
{
  *value = NULL;
  if (!json_object_object_get_ex (object, key, value) || *value == NULL ||
      json_object_is_type (*value, json_type_object))
    return 0;
  return fail (ERROR_INVALID, "'%s' of the request must be an object", key);
}

/* The same for a boolean; false if it is not there. */
static inline int
json_get_bool (json_object *object, const char *key, bool *value)
{
  json_object *member;

  *value = false;
  if (!json_object_object_get_ex (object, key, &member) || member == NULL)
    return 0;
  if (!json_object_is_type (member, json_type_boolean))
    return fail (ERROR_INVALID, "'%s' of the request must be true or false",
                 key);
  *value = json_object_get_boolean (member);
  return 0;
}

/* The same for a number from 'least' to 'most'; 'otherwise' if it is not there.
 */
static inline int
json_get_number (json_object *object, const char *key, int64_t least,
                 int64_t most, int64_t otherwise, int64_t *value)
{
  json_object *member;

  *value = otherwise;
  if (!json_object_object_get_ex (object, key, &member) || member == NULL)
    return 0;
  *value = json_object_get_int64 (member);
  if (!json_object_is_type (member, json_type_int) || *value < least ||
      *value > most)
    return fail (ERROR_INVALID,
                 "'%s' of the request must be a number from %" PRId64
                 " to %" PRId64,
                 key, least, most);
  return 0;
}

#endif /* PULLBACK_JSON_H */
