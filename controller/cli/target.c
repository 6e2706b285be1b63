/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads --target: a path, or the URI of an export. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <libxml/uri.h>

#include "common/cleanup.h"
#include "controller/cli/target.h"
#include "controller/common/error.h"
#include "controller/common/paths.h"

static void
cleanup_uri (xmlURI **uri)
{
  xmlFreeURI (*uri);
}

static int
fail_uri (const char *text)
{
  return fail (ERROR_INVALID,
               "'%s' is neither nbd://HOST[:PORT]/EXPORT nor "
               "nbd+unix:///EXPORT?socket=PATH",
               text);
}

static int
set_text (char **to, const char *text)
{
  *to = strdup (text);
  return *to ? 0 : fail_errno (ERROR_SYSTEM, "--target");
}

static int
read_socket (const char *text, const xmlURI *uri,
             struct backup_network *network)
{
  char *decoded;

  if ((uri->server && *uri->server) || !uri->query_raw ||
      strncmp (uri->query_raw, "socket=", 7) != 0 ||
      strchr (uri->query_raw, '&'))
    return fail_uri (text);
  decoded = xmlURIUnescapeString (uri->query_raw + 7, 0, NULL);
  network->transport = SERVER_UNIX;
  network->socket = decoded ? paths_absolute (decoded) : NULL;
  xmlFree (decoded);
  return network->socket ? paths_check_socket (network->socket) : -1;
}

/* An IPv6 address stands in brackets. */
static int
read_host (const char *text, const xmlURI *uri, struct backup_network *network)
{
  const char *host = uri->server ? uri->server : "";
  size_t length = strlen (host);

  if (length == 0 || uri->query_raw || uri->port > 65535)
    return fail_uri (text);
  if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
    host++;
    length -= 2;
  }
  network->transport = SERVER_TCP;
  network->port = uri->port > 0 ? (unsigned) uri->port : 0;
  network->host = strndup (host, length);
  return network->host ? 0 : fail_errno (ERROR_SYSTEM, "--target");
}

static int
parse_uri (const char *text, struct backup_disk *disk)
{
  __attribute__ ((cleanup (cleanup_uri))) xmlURI *uri = xmlParseURI (text);
  const char *name;

  if (uri == NULL || uri->scheme == NULL || uri->user || uri->fragment)
    return fail_uri (text);
  disk->network = calloc (1, sizeof *disk->network);
  if (disk->network == NULL)
    return fail_errno (ERROR_SYSTEM, "--target");
  name = uri->path ? uri->path : "";
  if (set_text (&disk->network->export_name, *name == '/' ? name + 1 : name) ==
      -1)
    return -1;
  if (strcmp (uri->scheme, "nbd") == 0)
    return read_host (text, uri, disk->network);
  if (strcmp (uri->scheme, "nbd+unix") == 0)
    return read_socket (text, uri, disk->network);
  return fail_uri (text);
}

int
target_parse (const char *text, struct backup_disk *disk)
{
  if (strstr (text, "://"))
    return parse_uri (text, disk);
  disk->target = paths_absolute (text);
  if (disk->target == NULL)
    return -1;
  disk->target_is_device = strncmp (disk->target, "/dev/", 5) == 0;
  return 0;
}
