/* SPDX-License-Identifier: BSD-3-Clause */
/* A domain's record as the JSON text of domain.json:
 * {"name": "web", "qmp": "/run/web.qmp", "agent": "/run/web.agent",
 *  "disks": {"vda": "virtio-disk0"}} */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/cleanup.h"
#include "controller/catalogue/domain-record.h"
#include "controller/common/error.h"
#include "controller/formats/formats.h"
#include "controller/formats/names.h"

static void
cleanup_json (json_object **object)
{
  json_object_put (*object);
}
#define CLEANUP_JSON __attribute__ ((cleanup (cleanup_json)))

static void
cleanup_tokener (json_tokener **tokener)
{
  if (*tokener)
    json_tokener_free (*tokener);
}
#define CLEANUP_TOKENER __attribute__ ((cleanup (cleanup_tokener)))

void
domain_record_free (struct domain_record *record)
{
  size_t i;

  if (!record)
    return;
  for (i = 0; i < record->nr_disks; i++) {
    free (record->disks[i].name);
    free (record->disks[i].device);
  }
  free (record->disks);
  free (record->name);
  free (record->qmp);
  free (record->agent);
  free (record);
}

int
domain_record_check (const struct domain_record *record)
{
  size_t i;

  if (name_check ("domain", record->name) < 0)
    return -1;
  if (!record->qmp || !record->qmp[0])
    return fail (ERROR_INVALID, "domain '%s' has no QMP socket", record->name);
  if (record->agent && record->agent[0] != '/')
    return fail (ERROR_INVALID,
                 "the path of the guest agent's socket must be absolute: '%s'",
                 record->agent);
  if (record->nr_disks > FORMATS_MAX_DISKS)
    return fail (ERROR_INVALID, "domain '%s' names more than %d disks",
                 record->name, FORMATS_MAX_DISKS);
  for (i = 0; i < record->nr_disks; i++) {
    if (name_check ("disk", record->disks[i].name) < 0)
      return -1;
    if (!record->disks[i].device || !record->disks[i].device[0])
      return fail (ERROR_INVALID, "disk '%s' of domain '%s' names no device",
                   record->disks[i].name, record->name);
  }
  return 0;
}

/* Takes over 'value'. */
static int
add (json_object *object, const char *key, json_object *value)
{
  if (value && json_object_object_add (object, key, value) == 0)
    return 0;
  json_object_put (value);
  return fail_errno (ERROR_SYSTEM, "cannot write a domain's record");
}

char *
domain_record_format (const struct domain_record *record)
{
  CLEANUP_JSON json_object *object = json_object_new_object ();
  json_object *disks = json_object_new_object ();
  const char *text;
  char *copy;
  size_t i;

  if (!object || add (object, "disks", disks) < 0 ||
      add (object, "name", json_object_new_string (record->name)) < 0 ||
      add (object, "qmp", json_object_new_string (record->qmp)) < 0 ||
      (record->agent &&
       add (object, "agent", json_object_new_string (record->agent)) < 0)) {
    fail_errno (ERROR_SYSTEM, "cannot write a domain's record");
    return NULL;
  }
  for (i = 0; i < record->nr_disks; i++)
    if (add (disks, record->disks[i].name,
             json_object_new_string (record->disks[i].device)) < 0)
      return NULL;
  text = json_object_to_json_string_ext (object, JSON_C_TO_STRING_PRETTY);
  if (!text || asprintf (&copy, "%s\n", text) < 0) {
    fail_errno (ERROR_SYSTEM, "cannot write a domain's record");
    return NULL;
  }
  return copy;
}

/* NULL: reported. */
static char *
take_string (json_object *value, const char *what)
{
  char *text;

  /* A NUL inside would cut the string short. */
  if (!json_object_is_type (value, json_type_string) ||
      strlen (json_object_get_string (value)) !=
          (size_t) json_object_get_string_len (value)) {
    fail (ERROR_INVALID, "%s is not a string", what);
    return NULL;
  }
  text = strdup (json_object_get_string (value));
  if (!text)
    fail_errno (ERROR_SYSTEM, "cannot read a domain's record");
  return text;
}

/* One that has none is as older versions wrote it. */
static int
parse_agent (struct domain_record *record, json_object *agent)
{
  if (agent == NULL)
    return 0;
  record->agent = take_string (agent, "\"agent\"");
  return record->agent ? 0 : -1;
}

static int
parse_disks (struct domain_record *record, json_object *disks)
{
  if (!json_object_is_type (disks, json_type_object))
    return fail (ERROR_INVALID, "\"disks\" is not an object");
  record->disks =
      calloc (json_object_object_length (disks) + 1, sizeof *record->disks);
  if (!record->disks)
    return fail_errno (ERROR_SYSTEM, "cannot read a domain's record");
  json_object_object_foreach (disks, name, device) {
    struct catalogue_disk_name *disk = &record->disks[record->nr_disks++];

    disk->name = strdup (name);
    if (!disk->name)
      return fail_errno (ERROR_SYSTEM, "cannot read a domain's record");
    disk->device = take_string (device, "a disk's device");
    if (!disk->device)
      return -1;
  }
  return 0;
}

struct domain_record *
domain_record_parse (const char *json, size_t length)
{
  CLEANUP_DOMAIN_RECORD struct domain_record *record =
      calloc (1, sizeof *record);
  CLEANUP_TOKENER json_tokener *tokener = json_tokener_new_ex (8);
  CLEANUP_JSON json_object *object = NULL;

  if (!record || !tokener) {
    fail_errno (ERROR_SYSTEM, "cannot read a domain's record");
    return NULL;
  }
  json_tokener_set_flags (tokener,
                          JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
  object = json_tokener_parse_ex (tokener, json, length + 1);
  if (!object || json_tokener_get_parse_end (tokener) != length) {
    fail (ERROR_INVALID, "it is not JSON");
    return NULL;
  }
  if (!json_object_is_type (object, json_type_object)) {
    fail (ERROR_INVALID, "it is not a JSON object");
    return NULL;
  }
  record->name =
      take_string (json_object_object_get (object, "name"), "\"name\"");
  record->qmp =
      record->name
          ? take_string (json_object_object_get (object, "qmp"), "\"qmp\"")
          : NULL;
  if (!record->qmp ||
      parse_agent (record, json_object_object_get (object, "agent")) < 0 ||
      parse_disks (record, json_object_object_get (object, "disks")) < 0 ||
      domain_record_check (record) < 0)
    return NULL;
  return STEAL (record);
}
