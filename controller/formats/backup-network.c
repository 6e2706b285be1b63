/* SPDX-License-Identifier: BSD-3-Clause */
/* A target of a push backup that is an NBD server elsewhere. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/common/error.h"
#include "controller/formats/backup-reader.h"
#include "controller/formats/utf8.h"
#include "controller/formats/values.h"

/* The longest string that NBD has. */
#define MAX_EXPORT_NAME 4096

const char backup_network_no_tls[] =
    "Pullback pushes without TLS; leave it out and use a Unix socket or a "
    "tunnel";

void
backup_network_free (struct backup_network *network)
{
  if (!network)
    return;
  free (network->export_name);
  free (network->socket);
  free (network->host);
  free (network);
}

static struct backup_network *
network_of (void *opaque)
{
  struct backup_disk *disk = backup_last_disk (opaque);

  if (!disk->network && !(disk->network = calloc (1, sizeof *disk->network)))
    fail_errno (ERROR_SYSTEM, "cannot add a target");
  return disk->network;
}

int
backup_network_protocol (void *opaque, const char *value)
{
  static const char *const choices[] = { "nbd", NULL };
  struct backup_reader *reader = opaque;

  reader->protocol_given = true;
  return xml_choice (value, choices) < 0 || !network_of (opaque) ? -1 : 0;
}

int
backup_network_name (void *opaque, const char *value)
{
  struct backup_network *network = network_of (opaque);
  const char *next;
  int character;

  if (!network)
    return -1;
  if (strlen (value) > MAX_EXPORT_NAME)
    return fail (ERROR_INVALID, "the export's name is longer than %d bytes",
                 MAX_EXPORT_NAME);
  for (next = value; (character = utf8_next (&next)) != 0;)
    if (character < 0 || is_control (character))
      return fail (ERROR_INVALID,
                   "the export's name is not UTF-8 or has a control character");
  return xml_store_text (&network->export_name, value);
}

/* <host> */

int
backup_network_begin_host (void *opaque)
{
  struct backup_reader *reader = opaque;
  struct backup_network *network = network_of (opaque);

  if (!network)
    return -1;
  reader->host_given = true;
  network->transport = SERVER_TCP;
  return 0;
}

static int
store_transport (void *opaque, const char *value)
{
  return backup_transport (&network_of (opaque)->transport, value);
}

static int
store_host_name (void *opaque, const char *value)
{
  return store_host (&network_of (opaque)->host, value);
}

static int
store_port (void *opaque, const char *value)
{
  uint64_t port;

  if (xml_store_number (&port, value, UINT16_MAX) < 0)
    return -1;
  if (port == 0)
    return fail (ERROR_INVALID, "there is no port 0 to connect to");
  network_of (opaque)->port = port;
  return 0;
}

static int
store_socket (void *opaque, const char *value)
{
  return store_socket_path (&network_of (opaque)->socket, value);
}

const struct xml_attribute backup_network_host[] = {
  { .name = "transport", .store = store_transport },
  { .name = "name", .store = store_host_name },
  { .name = "port", .store = store_port },
  { .name = "socket", .store = store_socket },
  { .name = NULL }
};

int
backup_network_end_host (void *opaque)
{
  const struct backup_network *network = network_of (opaque);

  if (network->transport == SERVER_UNIX && !network->socket)
    return fail (ERROR_INVALID,
                 "attribute 'socket' is missing, which transport='unix' needs");
  if (network->transport == SERVER_UNIX && (network->host || network->port))
    return fail (ERROR_INVALID, "transport='unix' has no name and no port");
  if (network->transport == SERVER_TCP && !network->host)
    return fail (ERROR_INVALID,
                 "attribute 'name' is missing, the host to connect to, which "
                 "transport='tcp' (the default) needs");
  if (network->transport == SERVER_TCP && network->socket)
    return fail (ERROR_INVALID,
                 "transport='tcp' (the default) has no socket; expected "
                 "transport='unix'");
  return 0;
}

int
backup_network_end_target (void *opaque)
{
  const struct backup_reader *reader = opaque;
  const struct backup_disk *disk = backup_last_disk (opaque);

  if (!reader->protocol_given)
    return fail (ERROR_INVALID,
                 "attribute 'protocol' is missing, which a target on the "
                 "network needs");
  if (disk->target)
    return fail (ERROR_INVALID,
                 "expected either 'file', 'dev' or 'protocol', not two");
  if (!reader->host_given)
    return fail (ERROR_INVALID, "<host> is missing, the server to connect to");
  return 0;
}

int
backup_network_check (const struct backup_reader *reader,
                      const struct backup_disk *disk)
{
  if (!disk->network)
    return fail (ERROR_INVALID,
                 reader->backup->mode == BACKUP_PUSH
                     ? "disk '%s' has type='network'; expected <target "
                       "protocol='nbd'>"
                     : "disk '%s' has type='network', which is only for "
                       "<domainbackup mode='push'>",
                 disk->name);
  if (reader->type != TYPE_NETWORK)
    return fail (ERROR_INVALID,
                 "disk '%s' has <target protocol=>; expected type='network' "
                 "with it",
                 disk->name);
  return 0;
}
