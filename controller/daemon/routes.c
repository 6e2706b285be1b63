/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of routes, and the checks of what stands in a request before an
 * operation sees it.  Owns nothing between requests. */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json_visit.h>
#include <libxml/xmlstring.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/daemon/routes.h"
#include "controller/domain/events.h"

/* Deeper than any body that means something here. */
#define BODY_DEPTH 16

enum body_rule { BODY_NONE, BODY_OPTIONAL, BODY_NEEDED };

/* "{domain}", "{checkpoint}" and "{ticket}" in a pattern stand for a name. */
struct route_entry {
  const char *method, *pattern;
  operation operation;
  enum body_rule body;
  unsigned status;
  unsigned takes; /* of enum operation_option */
};

static int
operation_version (struct service *service,
                   const struct operation_request *request, json_object **reply)
{
  (void) service;
  (void) request;
  *reply = json_object_new_object ();
  json_object_object_add (*reply, "version",
                          json_object_new_string (PACKAGE_VERSION));
  return 0;
}

#define DOMAINS    "/v1/domains"
#define DOMAIN     DOMAINS "/{domain}"
#define CHECKPOINT DOMAIN "/checkpoints/{checkpoint}"
#define TICKETS    DOMAIN "/backup/tickets"

/* clang-format off */
static const struct route_entry routes[] = {
  { "GET", "/v1", operation_version, BODY_NONE, 200, 0 },
  { "GET", DOMAINS, operation_domain_list, BODY_NONE, 200, 0 },
  { "POST", DOMAINS, operation_domain_add, BODY_NEEDED, 201, 0 },
  { "GET", DOMAIN, operation_domain_info, BODY_NONE, 200, 0 },
  { "PATCH", DOMAIN, operation_domain_set, BODY_NEEDED, 200, 0 },
  { "DELETE", DOMAIN, operation_domain_remove, BODY_NONE, 200, 0 },
  { "POST", DOMAIN "/import", operation_checkpoint_import,
    BODY_OPTIONAL, 200, 0 },
  { "GET", DOMAIN "/checkpoints", operation_checkpoint_list,
    BODY_NONE, 200, 0 },
  { "POST", DOMAIN "/checkpoints", operation_checkpoint_create,
    BODY_NEEDED, 201, 0 },
  { "GET", CHECKPOINT, operation_checkpoint_info, BODY_NONE, 200,
    OPTION_SIZE | OPTION_NO_DOMAIN | OPTION_SECURITY_INFO | OPTION_GENERATION },
  { "PUT", CHECKPOINT, operation_checkpoint_edit, BODY_NEEDED, 200, 0 },
  { "DELETE", CHECKPOINT, operation_checkpoint_delete, BODY_NONE, 200,
    OPTION_CHILDREN | OPTION_CHILDREN_ONLY | OPTION_METADATA },
  { "GET", "/v1/events", operation_event_list, BODY_NONE, 200,
    OPTION_SINCE | OPTION_WAIT | OPTION_DOMAIN },
  { "GET", DOMAIN "/backup", operation_backup_info, BODY_NONE, 200, 0 },
  { "POST", DOMAIN "/backup", operation_backup_begin, BODY_OPTIONAL, 201, 0 },
  { "POST", DOMAIN "/backup/cut", operation_backup_cut, BODY_OPTIONAL, 200, 0 },
  { "GET", TICKETS, operation_ticket_list, BODY_NONE, 200, 0 },
  { "POST", TICKETS, operation_ticket_add, BODY_OPTIONAL, 201, 0 },
  { "DELETE", TICKETS "/{ticket}", operation_ticket_revoke, BODY_NONE, 200, 0 },
  { "DELETE", DOMAIN "/backup", operation_backup_end, BODY_NONE, 200,
    OPTION_ABORT | OPTION_REQUIRE_COMPLETE },
};

static const struct {
  const char *name;
  enum operation_option option;
} options[] = {
  { "abort", OPTION_ABORT },
  { "require_complete", OPTION_REQUIRE_COMPLETE },
  { "size", OPTION_SIZE },
  { "no_domain", OPTION_NO_DOMAIN },
  { "security_info", OPTION_SECURITY_INFO },
  { "generation", OPTION_GENERATION },
  { "children", OPTION_CHILDREN },
  { "children_only", OPTION_CHILDREN_ONLY },
  { "metadata", OPTION_METADATA },
  { "since", OPTION_SINCE },
  { "wait", OPTION_WAIT },
  { "domain", OPTION_DOMAIN },
};
/* clang-format on */

static const struct {
  const char *name;
  unsigned status;
} kinds[] = {
  [ERROR_NONE] = { "system", 500 },
  [ERROR_INVALID] = { "invalid", 400 },
  [ERROR_NOT_FOUND] = { "not-found", 404 },
  [ERROR_CONFLICT] = { "conflict", 409 },
  [ERROR_UNSUPPORTED] = { "unsupported", 422 },
  [ERROR_QEMU] = { "qemu", 502 },
  [ERROR_SYSTEM] = { "system", 500 },
};

/* The names in a path and a query, decoded. */
struct path_names {
  char *domain, *checkpoint, *ticket, *only;
};

static void
path_names_free (struct path_names *names)
{
  free (names->domain);
  free (names->checkpoint);
  free (names->only);
  free (names->ticket);
}

static void
cleanup_json_put (json_object **object)
{
  json_object_put (*object);
}

static void
cleanup_tokener (json_tokener **tokener)
{
  json_tokener_free (*tokener);
}

json_object *
route_error (const char *kind, const char *text)
{
  json_object *error = json_object_new_object ();
  json_object *body = json_object_new_object ();
  CLEANUP_FREE char *copy = NULL;
  const char *message = text;

  /* A method or a file's name can have any bytes, JSON cannot. */
  if (!xmlCheckUTF8 ((const unsigned char *) text)) {
    copy = strdup (text);
    for (char *c = copy; c && *c; c++)
      if (*c & 0x80)
        *c = '?';
    message = copy ? copy : kind;
  }

  json_object_object_add (error, "kind", json_object_new_string (kind));
  json_object_object_add (error, "message", json_object_new_string (message));
  json_object_object_add (body, "error", error);
  return body;
}

static void
reply_with_error (struct route_reply *reply)
{
  enum error_kind kind = error_kind ();

  if (kind >= sizeof kinds / sizeof kinds[0])
    kind = ERROR_SYSTEM;
  reply->status = kinds[kind].status;
  reply->body = route_error (kinds[kind].name, error_message ());
}

/* The end of the segment that begins at 'text'. */
static size_t
segment_length (const char *text)
{
  return strcspn (text, "/");
}

/* Whether path and pattern have the same segments, but for the names. */
static bool
matches (const char *pattern, const char *path)
{
  for (;;) {
    size_t wanted = segment_length (pattern), given = segment_length (path);

    if (pattern[0] != '{' &&
        (wanted != given || memcmp (pattern, path, wanted) != 0))
      return false;
    pattern += wanted;
    path += given;
    if (*pattern != *path || *pattern == '\0')
      return *pattern == *path;
    pattern++;
    path++;
  }
}

static int
hex_value (char c)
{
  if (isdigit ((unsigned char) c))
    return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Names go into messages and so into JSON: they have to be UTF-8 before anybody
 * looks at them. */
static char *
decode_segment (const char *text)
{
  size_t length = segment_length (text), i;
  CLEANUP_FREE char *name = malloc (length + 1);
  char *end = name;

  if (name == NULL) {
    fail_errno (ERROR_SYSTEM, "path");
    return NULL;
  }
  for (i = 0; i < length; i++) {
    int high = -1, low = -1;

    if (text[i] != '%') {
      *end++ = text[i];
      continue;
    }
    if (length - i > 2) {
      high = hex_value (text[i + 1]);
      low = hex_value (text[i + 2]);
    }
    if (high < 0 || low < 0 || (high == 0 && low == 0)) {
      fail (ERROR_INVALID, "the path has a '%%' that is not followed by two "
                           "hexadecimal digits other than 00");
      return NULL;
    }
    *end++ = high * 16 + low;
    i += 2;
  }
  *end = '\0';
  if (length == 0) {
    fail (ERROR_INVALID, "a name in the path is empty");
    return NULL;
  }
  if (!xmlCheckUTF8 ((unsigned char *) name)) {
    fail (ERROR_INVALID, "a name in the path is not UTF-8");
    return NULL;
  }
  return STEAL (name);
}

/* NULL: the pattern's segment stands for itself. */
static char **
place_of (struct path_names *names, const char *pattern)
{
  if (pattern[0] != '{')
    return NULL;
  return strncmp (pattern, "{domain}", 8) == 0   ? &names->domain
         : strncmp (pattern, "{ticket}", 8) == 0 ? &names->ticket
                                                 : &names->checkpoint;
}

/* The names that stand where the pattern, which matches, has braces. */
static int
decode_names (const char *pattern, const char *path, struct path_names *names)
{
  for (;;) {
    char **name = place_of (names, pattern);

    if (name && (*name = decode_segment (path)) == NULL)
      return -1;
    pattern += segment_length (pattern);
    path += segment_length (path);
    if (*pattern == '\0')
      return 0;
    pattern++;
    path++;
  }
}

/* Operations see C strings: one with a NUL in it would be cut there, and a
 * different name checked than was sent. */
static int
refuse_nul (json_object *object, int flags, json_object *parent,
            const char *key, size_t *index, void *found)
{
  (void) flags;
  (void) parent;
  (void) index;
  if ((key && key[0] == '\0') ||
      (json_object_is_type (object, json_type_string) &&
       strlen (json_object_get_string (object)) !=
           (size_t) json_object_get_string_len (object)))
    *(bool *) found = true;
  return JSON_C_VISIT_RETURN_CONTINUE;
}

static json_object *
parse_object (const char *text, size_t size)
{
  __attribute__ ((cleanup (cleanup_tokener))) json_tokener *tokener = NULL;
  __attribute__ ((cleanup (cleanup_json_put))) json_object *object = NULL;
  enum json_tokener_error error;
  bool found_nul = false;

  tokener = json_tokener_new_ex (BODY_DEPTH);
  if (tokener == NULL) {
    fail_errno (ERROR_SYSTEM, "JSON parser");
    return NULL;
  }
  json_tokener_set_flags (tokener,
                          JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
  object = json_tokener_parse_ex (tokener, text, size);
  error = json_tokener_get_error (tokener);
  if (error != json_tokener_success)
    fail (ERROR_INVALID, "the body is not JSON: %s at byte %zu of %zu",
          error == json_tokener_continue ? "it ends too early"
                                         : json_tokener_error_desc (error),
          json_tokener_get_parse_end (tokener), size);
  else if (!json_object_is_type (object, json_type_object))
    fail (ERROR_INVALID, "the body is JSON, but not an object {...}");
  else if (json_c_visit (object, 0, refuse_nul, &found_nul) < 0 || found_nul)
    fail (ERROR_INVALID, "the body has an empty key or a NUL in a string");
  else
    return STEAL (object);
  return NULL;
}

/* *body stays NULL where there is none. */
static int
parse_body (const struct route_entry *entry,
            const struct route_request *request, json_object **body)
{
  if (request->body_size == 0) {
    if (entry->body == BODY_NEEDED)
      return fail (ERROR_INVALID,
                   "%s %s needs a body, a JSON object; docs/api.md has its "
                   "members",
                   entry->method, entry->pattern);
    return 0;
  }
  if (entry->body == BODY_NONE)
    return fail (ERROR_INVALID, "%s %s takes no body", entry->method,
                 entry->pattern);
  *body = parse_object (request->body, request->body_size);
  return *body ? 0 : -1;
}

static unsigned
option_by_name (const char *name)
{
  size_t i;

  for (i = 0; i < sizeof options / sizeof options[0]; i++)
    if (strcmp (options[i].name, name) == 0)
      return options[i].option;
  return 0;
}

static bool
read_number (const char *text, int64_t maximum, int64_t *number)
{
  char *end;

  errno = 0;
  *number = strtoll (text, &end, 10);
  return isdigit ((unsigned char) text[0]) && *end == '\0' && errno == 0 &&
         *number <= maximum;
}

/* Whether the value is one that the option can have. */
static bool
take_argument (struct route_request *request, unsigned option,
               const char *value)
{
  int64_t wait;

  switch (option) {
  case OPTION_SINCE:
    return read_number (value, INT64_MAX - 1, &request->since);
  case OPTION_WAIT:
    if (!read_number (value, EVENTS_MAX_WAIT_SECONDS, &wait))
      return false;
    request->wait = wait;
    return true;
  case OPTION_DOMAIN:
    request->only = value;
    return true;
  default:
    return strcmp (value, "true") == 0 || strcmp (value, "false") == 0;
  }
}

void
route_argument (struct route_request *request, const char *key,
                const char *value)
{
  unsigned option = option_by_name (key);

  if (!option || !value || !take_argument (request, option, value)) {
    request->bad_query = key;
    return;
  }
  request->given |= option;
  request->options |= option;
  if (strcmp (value, "false") == 0 && option != OPTION_DOMAIN)
    request->options &= ~option;
}

/* The first of the options, of which there is one. */
static const char *
option_name (unsigned set)
{
  size_t i = 0;

  while (!(set & options[i].option))
    i++;
  return options[i].name;
}

static int
run_operation (struct service *service, const struct route_entry *entry,
               const struct route_request *request, json_object **reply)
{
  __attribute__ ((cleanup (path_names_free))) struct path_names names = { 0 };
  __attribute__ ((cleanup (cleanup_json_put))) json_object *body = NULL;
  struct operation_request what = { .options = request->options,
                                    .since = request->since,
                                    .wait = request->wait };
  unsigned wrong = request->given & ~entry->takes;

  if (request->bad_query || wrong)
    return fail (ERROR_INVALID, "%s %s does not take '?%s' with this value",
                 entry->method, entry->pattern,
                 request->bad_query ? request->bad_query : option_name (wrong));
  if (decode_names (entry->pattern, request->path, &names) == -1 ||
      parse_body (entry, request, &body) == -1)
    return -1;
  if (request->only && (names.only = decode_segment (request->only)) == NULL)
    return -1;
  what.domain = names.domain;
  what.checkpoint = names.checkpoint;
  what.only = names.only;
  what.ticket = names.ticket;
  what.body = body;
  return entry->operation (service, &what, reply);
}

/* No entry has both the path and the method: which of the two it was. */
static void
refuse (const struct route_request *request, struct route_reply *reply)
{
  size_t i;

  for (i = 0; i < sizeof routes / sizeof routes[0]; i++)
    if (matches (routes[i].pattern, request->path)) {
      if (reply->allow[0])
        strcat (reply->allow, ", ");
      strcat (reply->allow, routes[i].method);
    }
  if (reply->allow[0]) {
    fail (ERROR_INVALID, "this path does not take the method %s, but %s",
          request->method, reply->allow);
    reply_with_error (reply);
    reply->status = 405;
    return;
  }
  fail (ERROR_NOT_FOUND,
        "there is nothing at this path; docs/api.md lists those there are");
  reply_with_error (reply);
}

void
route (struct service *service, const struct route_request *request,
       struct route_reply *reply)
{
  size_t i;

  *reply = (struct route_reply){ 0 };
  error_clear ();
  for (i = 0; i < sizeof routes / sizeof routes[0]; i++) {
    const struct route_entry *entry = &routes[i];

    if (strcmp (entry->method, request->method) != 0 ||
        !matches (entry->pattern, request->path))
      continue;
    reply->status = entry->status;
    if (run_operation (service, entry, request, &reply->body) == -1)
      reply_with_error (reply);
    return;
  }
  refuse (request, reply);
}
