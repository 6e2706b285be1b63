/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON for QMP.  Arguments of a command, written as they are read:
 *   qmp_object ("node-name", qmp_text (node), "flat", qmp_flag (true), NULL)
 * and answers, read without trust in their shape. */

#ifndef PULLBACK_QMP_JSON_H
#define PULLBACK_QMP_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

/* Keys and values in turn, closed by NULL; takes the values.  A member whose
 * value is NULL is left out. */
json_object *qmp_object (const char *key, ...) __attribute__ ((sentinel));
/* Adds a value, which it takes, to the list, which it makes if it is NULL. */
json_object *qmp_append (json_object *list, json_object *value);

/* NULL for NULL: such a member is left out. */
json_object *qmp_text (const char *text);
json_object *qmp_flag (bool flag);
json_object *qmp_number (uint64_t number);

/* The string member of an object; NULL if there is no such, or no object. */
const char *qmp_string (json_object *object, const char *key);
/* Whether the string member is there and is this; NULL is no string. */
bool qmp_string_is (json_object *object, const char *key, const char *value);
/* 0 if it is not there. */
uint64_t qmp_get_number (json_object *object, const char *key);
bool qmp_true (json_object *object, const char *key);
/* The member that is a list, else NULL; a list's length, 0 for NULL. */
json_object *qmp_list (json_object *object, const char *key);
size_t qmp_length (json_object *list);
/* The entry of the list whose string member 'key' is 'value', else NULL. */
json_object *qmp_find (json_object *list, const char *key, const char *value);

#endif /* PULLBACK_QMP_JSON_H */
