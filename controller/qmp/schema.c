/* SPDX-License-Identifier: BSD-3-Clause */
/* What a QEMU can do, from the value of query-qmp-schema (SchemaInfo in QEMU's
 * qapi/introspect.json). */

#include <config.h>

#include "controller/common/error.h"
#include "controller/qmp/internal.h"

json_object *
qmp_schema_index (json_object *schema)
{
  json_object *by_name = json_object_new_object ();

  for (size_t i = 0; by_name && i < qmp_length (schema); i++) {
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

/* The type that the member 'reference' of 'entry' names. */
static json_object *
type_of (json_object *by_name, json_object *entry, const char *reference)
{
  const char *name = qmp_string (entry, reference);
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

  if (!json_object_object_get_ex (by_name, command, &entry))
    return false;
  if (!qmp_string_is (entry, "meta-type", "command"))
    return false;
  type = type_of (by_name, entry, "arg-type");
  if (variant) {
    entry = qmp_find (qmp_list (type, "variants"), "case", variant);
    if (!entry)
      return false;
    type = type_of (by_name, entry, "type");
  }
  if (!member || !*member)
    return true;
  return qmp_find (qmp_list (type, "members"), "name", member) != NULL;
}
