/* SPDX-License-Identifier: BSD-3-Clause */
/* The API's operations, one function each: arguments to path and body.  Owns
 * nothing. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/client/handle.h"
#include "controller/common/error.h"

/* A member that is not given is not sent. */
static void
add_string (json_object *object, const char *key, const char *value)
{
  if (value)
    json_object_object_add (object, key, json_object_new_string (value));
}

/* For operations whose answer says nothing more than that it was done. */
static int
succeeded (char *reply)
{
  free (reply);
  return reply ? 0 : -1;
}

char *
pullback_version (pullback_handle *handle)
{
  return client_request (handle, "GET", client_path (handle, NULL), NULL);
}

char *
pullback_domain_list (pullback_handle *handle)
{
  return client_request (handle, "GET", client_path (handle, "domains", NULL),
                         NULL);
}

/* The name ends at the first '=': a QOM path may have more of them. */
static int
add_disk (json_object *disks, const char *disk)
{
  const char *equals = strchr (disk, '=');
  CLEANUP_FREE char *name = NULL;

  if (equals == NULL || equals == disk || equals[1] == '\0')
    return fail (ERROR_INVALID,
                 "the disk '%s' is not of the form NAME=QDEV-OR-NODE", disk);
  name = strndup (disk, equals - disk);
  if (name == NULL)
    return fail_errno (ERROR_SYSTEM, "disk '%s'", disk);
  if (json_object_object_get_ex (disks, name, NULL))
    return fail (ERROR_INVALID, "the disk '%s' is named twice", name);
  add_string (disks, name, equals + 1);
  return 0;
}

/* An object of a list of "DISK=TEXT" that ends with NULL; NULL: none is added.
 */
static int
add_disks (json_object *body, const char *key, const char *const *disks)
{
  json_object *names;

  if (disks == NULL || *disks == NULL)
    return 0;
  names = json_object_new_object ();
  json_object_object_add (body, key, names);
  for (; *disks; disks++)
    if (add_disk (names, *disks) == -1)
      return -1;
  return 0;
}

char *
pullback_domain_add (pullback_handle *handle, const char *name, const char *qmp,
                     const char *agent, const char *const *disks)
{
  json_object *body = json_object_new_object ();

  add_string (body, "name", name);
  add_string (body, "qmp", qmp);
  add_string (body, "agent", agent);
  if (add_disks (body, "disks", disks) == -1) {
    json_object_put (body);
    return NULL;
  }
  return client_request (handle, "POST", client_path (handle, "domains", NULL),
                         body);
}

char *
pullback_domain_info (pullback_handle *handle, const char *domain)
{
  return client_request (handle, "GET",
                         client_path (handle, "domains", domain, NULL), NULL);
}

int
pullback_domain_set (pullback_handle *handle, const char *domain,
                     const char *agent)
{
  json_object *body = json_object_new_object ();

  add_string (body, "agent", agent);
  return succeeded (client_request (
      handle, "PATCH", client_path (handle, "domains", domain, NULL), body));
}

int
pullback_domain_remove (pullback_handle *handle, const char *domain)
{
  return succeeded (client_request (
      handle, "DELETE", client_path (handle, "domains", domain, NULL), NULL));
}

char *
pullback_checkpoint_list (pullback_handle *handle, const char *domain)
{
  return client_request (
      handle, "GET",
      client_path (handle, "domains", domain, "checkpoints", NULL), NULL);
}

static void
add_flag (json_object *object, const char *key, unsigned flag)
{
  if (flag)
    json_object_object_add (object, key, json_object_new_boolean (1));
}

static void
add_quiesce (json_object *object, unsigned flag, unsigned flag_try)
{
  if (flag_try)
    add_string (object, "quiesce", "try");
  else
    add_flag (object, "quiesce", flag);
}

/* 0 is left to the daemon. */
static void
add_seconds (json_object *object, const char *key, unsigned seconds)
{
  if (seconds)
    json_object_object_add (object, key, json_object_new_int64 (seconds));
}

/* Adds ?NAME=true to the path for each flag; 'names' has one for each bit, up
 * to NULL.  Takes over the path and returns it or a longer one. */
static char *
add_query (char *path, unsigned flags, const char *const *names)
{
  const char *separator = "?";

  for (; path && *names; names++, flags >>= 1) {
    char *longer;

    if (!(flags & 1))
      continue;
    if (asprintf (&longer, "%s%s%s=true", path, separator, *names) == -1) {
      longer = NULL;
      fail_errno (ERROR_SYSTEM, "path of a request");
    }
    free (path);
    path = longer;
    separator = "&";
  }
  return path;
}

char *
pullback_checkpoint_create (pullback_handle *handle, const char *domain,
                            const char *xml, unsigned flags)
{
  json_object *body = json_object_new_object ();

  add_string (body, "xml", xml);
  add_flag (body, "redefine", flags & PULLBACK_CHECKPOINT_CREATE_REDEFINE);
  add_flag (body, "validate", flags & PULLBACK_CHECKPOINT_CREATE_VALIDATE);
  add_quiesce (body, flags & PULLBACK_CHECKPOINT_CREATE_QUIESCE,
               flags & PULLBACK_CHECKPOINT_CREATE_QUIESCE_TRY);
  return client_request (
      handle, "POST",
      client_path (handle, "domains", domain, "checkpoints", NULL), body);
}

static char *
checkpoint_path (pullback_handle *handle, const char *domain,
                 const char *checkpoint)
{
  return client_path (handle, "domains", domain, "checkpoints", checkpoint,
                      NULL);
}

char *
pullback_checkpoint_info (pullback_handle *handle, const char *domain,
                          const char *checkpoint, unsigned flags)
{
  static const char *const names[] = { "size", "no_domain", "security_info",
                                       "generation", NULL };

  return client_request (
      handle, "GET",
      add_query (checkpoint_path (handle, domain, checkpoint), flags, names),
      NULL);
}

int
pullback_checkpoint_edit (pullback_handle *handle, const char *domain,
                          const char *checkpoint, const char *xml)
{
  json_object *body = json_object_new_object ();

  add_string (body, "xml", xml);
  return succeeded (client_request (
      handle, "PUT", checkpoint_path (handle, domain, checkpoint), body));
}

int
pullback_checkpoint_delete (pullback_handle *handle, const char *domain,
                            const char *checkpoint, unsigned flags)
{
  static const char *const names[] = { "children", "children_only", "metadata",
                                       NULL };

  return succeeded (client_request (
      handle, "DELETE",
      add_query (checkpoint_path (handle, domain, checkpoint), flags, names),
      NULL));
}

char *
pullback_checkpoint_import (pullback_handle *handle, const char *domain,
                            const char *const *names, int dry_run)
{
  json_object *body = json_object_new_object ();
  json_object *list = names && *names ? json_object_new_array () : NULL;

  for (; list && *names; names++)
    json_object_array_add (list, json_object_new_string (*names));
  if (list)
    json_object_object_add (body, "names", list);
  add_flag (body, "dry_run", dry_run);
  return client_request (
      handle, "POST", client_path (handle, "domains", domain, "import", NULL),
      body);
}

static json_object *
ticket_body (const struct pullback_ticket *ticket)
{
  json_object *body = json_object_new_object ();
  const char *const *export;

  if (ticket->exports && *ticket->exports) {
    json_object *exports = json_object_new_array ();

    for (export = ticket->exports; *export; export ++)
      json_object_array_add (exports, json_object_new_string (*export));
    json_object_object_add (body, "exports", exports);
  }
  add_seconds (body, "seconds", ticket->seconds);
  add_string (body, "key_file", ticket->key_file);
  return body;
}

char *
pullback_backup_begin (pullback_handle *handle, const char *domain,
                       const char *backup_xml, const char *checkpoint_xml,
                       const struct pullback_backup_options *options)
{
  static const struct pullback_backup_options none = { 0 };
  json_object *body = json_object_new_object ();
  unsigned flags;

  if (options == NULL)
    options = &none;
  flags = options->flags;

  add_string (body, "backup_xml", backup_xml);
  add_string (body, "checkpoint_xml", checkpoint_xml);
  add_string (body, "method", options->method);
  add_string (body, "scratch_folder", options->scratch_folder);
  if (options->scratch_limit)
    json_object_object_add (body, "scratch_limit",
                            json_object_new_int64 (options->scratch_limit));
  if (options->scratch_reserve)
    json_object_object_add (body, "scratch_reserve",
                            json_object_new_int64 (*options->scratch_reserve));
  if (add_disks (body, "scratch_folders", options->scratch_folders) == -1) {
    json_object_put (body);
    return NULL;
  }
  add_flag (body, "reuse_external",
            flags & PULLBACK_BACKUP_BEGIN_REUSE_EXTERNAL);
  add_flag (body, "prepare", flags & PULLBACK_BACKUP_BEGIN_PREPARE);
  add_flag (body, "no_pause", flags & PULLBACK_BACKUP_BEGIN_NO_PAUSE);
  add_flag (body, "insecure", flags & PULLBACK_BACKUP_BEGIN_INSECURE);
  add_seconds (body, "prepare_seconds", options->prepare_seconds);
  add_flag (body, "reclaim", flags & PULLBACK_BACKUP_BEGIN_RECLAIM);
  add_flag (body, "changes_only", flags & PULLBACK_BACKUP_BEGIN_CHANGES_ONLY);
  add_quiesce (body, flags & PULLBACK_BACKUP_BEGIN_QUIESCE,
               flags & PULLBACK_BACKUP_BEGIN_QUIESCE_TRY);
  add_seconds (body, "quiesce_seconds", options->quiesce_seconds);
  if (options->ticket)
    json_object_object_add (body, "ticket", ticket_body (options->ticket));
  add_seconds (body, "max_seconds", options->max_seconds);
  return client_request (
      handle, "POST", client_path (handle, "domains", domain, "backup", NULL),
      body);
}

char *
pullback_ticket_add (pullback_handle *handle, const char *domain,
                     const struct pullback_ticket *ticket)
{
  static const struct pullback_ticket all = { 0 };

  return client_request (
      handle, "POST",
      client_path (handle, "domains", domain, "backup", "tickets", NULL),
      ticket_body (ticket ? ticket : &all));
}

char *
pullback_ticket_list (pullback_handle *handle, const char *domain)
{
  return client_request (
      handle, "GET",
      client_path (handle, "domains", domain, "backup", "tickets", NULL), NULL);
}

int
pullback_ticket_revoke (pullback_handle *handle, const char *domain,
                        const char *identity)
{
  return succeeded (
      client_request (handle, "DELETE",
                      client_path (handle, "domains", domain, "backup",
                                   "tickets", identity, NULL),
                      NULL));
}

char *
pullback_backup_cut (pullback_handle *handle, const char *domain)
{
  return client_request (
      handle, "POST",
      client_path (handle, "domains", domain, "backup", "cut", NULL), NULL);
}

char *
pullback_backup_info (pullback_handle *handle, const char *domain)
{
  return client_request (
      handle, "GET", client_path (handle, "domains", domain, "backup", NULL),
      NULL);
}

char *
pullback_backup_end (pullback_handle *handle, const char *domain,
                     unsigned flags)
{
  CLEANUP_FREE char *plain =
      client_path (handle, "domains", domain, "backup", NULL);
  char *path = NULL;

  if (plain && asprintf (&path, "%s?abort=%s%s", plain,
                         flags & PULLBACK_BACKUP_END_ABORT ? "true" : "false",
                         flags & PULLBACK_BACKUP_END_REQUIRE_COMPLETE
                             ? "&require_complete=true"
                             : "") == -1) {
    path = NULL;
    fail_errno (ERROR_SYSTEM, "path of a request");
  }
  return client_request (handle, "DELETE", path, NULL);
}

char *
pullback_event_list (pullback_handle *handle, const char *domain,
                     long long since, unsigned seconds)
{
  CLEANUP_FREE char *plain = client_path (handle, "events", NULL);
  CLEANUP_FREE char *only = domain ? client_escape (handle, domain) : NULL;
  CLEANUP_FREE char *after = NULL;
  char *path = NULL;

  if (plain == NULL || (domain && only == NULL))
    return NULL;
  if ((since >= 0 && asprintf (&after, "&since=%lld", since) == -1) ||
      asprintf (&path, "%s?wait=%u%s%s%s", plain, seconds,
                since >= 0 ? after : "", domain ? "&domain=" : "",
                domain ? only : "") == -1) {
    fail_errno (ERROR_SYSTEM, "path of a request");
    return NULL;
  }
  return client_request (handle, "GET", path, NULL);
}
