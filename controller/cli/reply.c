/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads answers, and writes sizes and times for people.  Owns nothing. */

#include <config.h>

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "controller/cli/reply.h"
#include "controller/common/error.h"

int
fail_as_client (void)
{
  return fail ((enum error_kind) pullback_error_kind (), "%s",
               pullback_error ());
}

int
reply_take (struct invocation *invocation, char *given, json_object **object)
{
  CLEANUP_FREE char *text = given;

  if (text == NULL)
    return fail_as_client ();
  if (is_given (invocation, "json")) {
    printf ("%s\n", text);
    return 0;
  }
  *object = json_tokener_parse (text);
  if (*object == NULL)
    return fail (ERROR_SYSTEM, "the daemon at %s answered without JSON",
                 pullback_uri (invocation->handle));
  return 0;
}

static json_object *
member_of (json_object *object, const char *member, enum json_type type)
{
  json_object *value;

  return json_object_object_get_ex (object, member, &value) &&
                 json_object_is_type (value, type)
             ? value
             : NULL;
}

const char *
reply_text (json_object *object, const char *member)
{
  json_object *value = member_of (object, member, json_type_string);

  return value ? json_object_get_string (value) : NULL;
}

int64_t
reply_number (json_object *object, const char *member)
{
  return json_object_get_int64 (member_of (object, member, json_type_int));
}

bool
reply_flag (json_object *object, const char *member)
{
  return json_object_get_boolean (
      member_of (object, member, json_type_boolean));
}

bool
reply_has (json_object *object, const char *member)
{
  json_object *value;

  return json_object_object_get_ex (object, member, &value) && value != NULL;
}

size_t
reply_count (json_object *object, const char *member)
{
  json_object *list = member_of (object, member, json_type_array);

  return list ? json_object_array_length (list) : 0;
}

json_object *
reply_object (json_object *object, const char *member)
{
  json_object *value = NULL;

  json_object_object_get_ex (object, member, &value);
  return json_object_is_type (value, json_type_object) ? value : NULL;
}

json_object *
reply_item (json_object *object, const char *member, size_t index)
{
  return json_object_array_get_idx (member_of (object, member, json_type_array),
                                    index);
}

struct time_text
format_time (int64_t seconds)
{
  struct time_text result = { "-" };
  time_t when = seconds;
  struct tm local;

  /* 0 is not known: an imported checkpoint's. */
  if (seconds != 0 && localtime_r (&when, &local))
    strftime (result.text, sizeof result.text, "%Y-%m-%d %H:%M:%S %z", &local);
  return result;
}

struct time_text
format_moment (int64_t microseconds)
{
  struct time_text result = format_time (microseconds / 1000000);
  struct time_text whole = result;
  /* Before the zone, the time's third field. */
  const char *zone = strrchr (whole.text, ' ');

  if (zone)
    snprintf (result.text, sizeof result.text, "%.*s.%06d%s",
              (int) (zone - whole.text), whole.text,
              (int) (microseconds % 1000000), zone);
  return result;
}

struct size_text
format_size (int64_t bytes)
{
  static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
  struct size_text result;
  double value = bytes / 1024.0;
  size_t unit = 0;

  if (bytes < 1024) {
    snprintf (result.text, sizeof result.text, "%" PRId64 " B", bytes);
    return result;
  }
  for (; value >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
    value /= 1024;
  snprintf (result.text, sizeof result.text, "%.1f %s", value, units[unit]);
  return result;
}
