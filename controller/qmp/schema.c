/* SPDX-License-Identifier: BSD-3-Clause */
/* What a QEMU can do, from the value of query-qmp-schema (SchemaInfo in QEMU's
 * qapi/introspect.json). */

#include <config.h>

#include <string.h>

#include "controller/common/error.h"
#include "controller/qmp/internal.h"

json_object *
qmp_schema_index (json_object *schema)
{
  json_object *by_name = json_object_new_object ();

  for (size_t i = 0; by_name && i < json_object_array_length (schema); i++) {
    json_object *entry = json_object_array_get_idx (schema, i);
    const char *name = qmp_string (entry, "name");

    /* Types have numbers for names, commands and events words. */
    if (name)
      json_object_object_add (by_name, name, json_object_get (entry));
  }
  json_object_put (schema);
  if (!by_name)
    fail (ERROR_SYSTEM, "out of memory");
  return by_name;
}

/* The entry of the array 'list' of 'type' whose string 'key' is 'value'. */
static json_object *
list_find (json_object *type, const char *list, const char *key,
           const char *value)
{
  json_object *entries;

  if (!json_object_object_get_ex (type, list, &entries) ||
      !json_object_is_type (entries, json_type_array))
    return NULL;
  for (size_t i = 0; i < json_object_array_length (entries); i++) {
    json_object *entry = json_object_array_get_idx (entries, i);
    const char *text = qmp_string (entry, key);

    if (text && strcmp (text, value) == 0)
      return entry;
  }
  return NULL;
}

/* The type that the member 'reference' of 'entry' names. */
static json_object *
type_of (json_object *by_name, json_object *entry, const char *reference)
{
  const char *name = entry ? qmp_string (entry, reference) : NULL;
  json_object *type;

  if (!name || !json_object_object_get_ex (by_name, name, &type))
    return NULL;
  return type;
}

bool
qmp_schema_knows (json_object *by_name, const char *command,
                  const char *variant, const char *member)
{
  json_object *entry, *type;
  const char *meta;

  if (!json_object_object_get_ex (by_name, command, &entry))
    return false;
  meta = qmp_string (entry, "meta-type");
  if (!meta || strcmp (meta, "command") != 0)
    return false;
  type = type_of (by_name, entry, "arg-type");
  if (variant) {
    entry = type ? list_find (type, "variants", "case", variant) : NULL;
    if (!entry)
      return false;
    type = type_of (by_name, entry, "type");
  }
  if (!member || !*member)
    return true;
  return type && list_find (type, "members", "name", member);
}
