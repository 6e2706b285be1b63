/* SPDX-License-Identifier: BSD-3-Clause */
/* The document domainbackup: what may stand in it, and what must hold once all
 * of it is read. */

#include <config.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/formats/backup-reader.h"
#include "controller/formats/utf8.h"
#include "controller/formats/values.h"

void
backup_free (struct backup *backup)
{
  size_t i;

  if (!backup)
    return;
  for (i = 0; i < backup->nr_disks; i++)
    backup_disk_clear (&backup->disks[i]);
  free (backup->disks);
  free (backup->incremental);
  free (backup->socket);
  free (backup->host);
  free (backup);
}

int
only_for_mode (void *opaque, enum backup_mode mode)
{
  if (backup_of (opaque)->mode == mode)
    return 0;
  return fail (ERROR_INVALID,
               "only for <domainbackup mode='%s'>, and this is %s",
               mode == BACKUP_PULL ? "pull" : "push",
               mode == BACKUP_PULL ? "'push', the default" : "'pull'");
}

/* <domainbackup> */

static int
store_mode (void *opaque, const char *value)
{
  static const char *const choices[] = {
    [BACKUP_PULL] = "pull", [BACKUP_PUSH] = "push", NULL
  };
  int choice = xml_choice (value, choices);

  if (choice < 0)
    return -1;
  backup_of (opaque)->mode = choice;
  return 0;
}

/* The number of the job in the proposal of 2018, as an attribute or an element,
 * output only: here a domain has one job at a time. */
static int
check_id (void *opaque, const char *value)
{
  uint64_t id;

  (void) opaque;
  return xml_store_number (&id, value, UINT_MAX);
}

static int
store_incremental (void *opaque, const char *text)
{
  return store_name (&backup_of (opaque)->incremental, "checkpoint", text);
}

static int
check_disk_base (const struct backup *backup, const struct backup_disk *disk)
{
  if (disk->disk_mode == DISK_INCREMENTAL && !disk->incremental &&
      !backup->incremental)
    return fail (ERROR_INVALID,
                 "disk '%s' has backupmode='incremental', but no checkpoint to "
                 "start from; add incremental='CHECKPOINT' to it",
                 disk->name);
  return 0;
}

/* <incremental> may stand behind <disks>, so this has to wait for the end. */
static int
end_backup (void *opaque)
{
  const struct backup *backup = backup_of (opaque);
  size_t i;

  for (i = 0; i < backup->nr_disks; i++)
    if (check_disk_base (backup, &backup->disks[i]) < 0)
      return -1;
  return 0;
}

const char backup_no_fd_group[] =
    "Pullback takes no descriptors from its caller; name a file or a socket";

/* <server> */

static int
begin_server (void *opaque)
{
  struct backup *backup = backup_of (opaque);

  if (only_for_mode (opaque, BACKUP_PULL) < 0)
    return -1;
  backup->server_given = true;
  backup->transport = SERVER_TCP;
  return 0;
}

int
backup_transport (enum server_transport *where, const char *value)
{
  static const char *const choices[] = {
    [SERVER_UNIX] = "unix", [SERVER_TCP] = "tcp", NULL
  };
  int choice = xml_choice (value, choices);

  if (choice < 0)
    return -1;
  *where = choice;
  return 0;
}

static int
store_transport (void *opaque, const char *value)
{
  return backup_transport (&backup_of (opaque)->transport, value);
}

static int
store_server_name (void *opaque, const char *value)
{
  return store_host (&backup_of (opaque)->host, value);
}

static int
store_port (void *opaque, const char *value)
{
  struct backup_reader *reader = opaque;
  uint64_t port;

  if (xml_store_number (&port, value, UINT16_MAX) < 0)
    return -1;
  reader->port_given = true;
  reader->backup->port = port;
  return 0;
}

int
store_socket_path (char **where, const char *value)
{
  struct sockaddr_un address;

  if (strlen (value) >= sizeof address.sun_path)
    return fail (ERROR_INVALID,
                 "the socket's path is longer than %zu bytes: '%s'",
                 sizeof address.sun_path - 1, utf8_show (value).text);
  return store_path (where, value);
}

static int
store_socket (void *opaque, const char *value)
{
  return store_socket_path (&backup_of (opaque)->socket, value);
}

const char *const backup_no_yes[] = { "no", "yes", NULL };

static int
store_tls (void *opaque, const char *value)
{
  int choice = xml_choice (value, backup_no_yes);

  if (choice < 0)
    return -1;
  backup_of (opaque)->tls = choice;
  return 0;
}

static int
end_server (void *opaque)
{
  const struct backup_reader *reader = opaque;
  const struct backup *backup = reader->backup;

  if (backup->transport == SERVER_UNIX) {
    if (!backup->socket)
      return fail (ERROR_INVALID,
                   "attribute 'socket' is missing, which transport='unix' "
                   "needs");
    if (backup->host || reader->port_given)
      return fail (ERROR_INVALID, "transport='unix' has no name and no port");
  }
  else {
    if (!backup->host)
      return fail (ERROR_INVALID,
                   "attribute 'name' is missing, the address to listen on, "
                   "which transport='tcp' needs");
    if (backup->socket)
      return fail (ERROR_INVALID,
                   "transport='tcp' (the default) has no socket; expected "
                   "transport='unix'");
  }
  return 0;
}

static const struct xml_element backup_children[] = {
  { .name = "id", .text = check_id },
  { .name = "incremental", .text = store_incremental },
  { .name = "server",
    .begin = begin_server,
    .attributes =
        (const struct xml_attribute[]){
            { .name = "fdgroup", .refused = backup_no_fd_group },
            { .name = "transport", .store = store_transport },
            { .name = "name", .store = store_server_name },
            { .name = "port", .store = store_port },
            { .name = "socket", .store = store_socket },
            { .name = "tls", .store = store_tls },
            { .name = NULL } },
    .end = end_server },
  { .name = "disks", .children = backup_disk_element, .end = backup_disks_end },
  { .name = NULL }
};

static const struct xml_element backup_element = {
  .name = "domainbackup",
  .attributes =
      (const struct xml_attribute[]){ { .name = "mode", .store = store_mode },
                                      { .name = "id", .store = check_id },
                                      { .name = NULL } },
  .children = backup_children,
  .end = end_backup,
};

struct backup *
backup_parse (const char *xml, size_t length)
{
  CLEANUP_BACKUP struct backup *backup = calloc (1, sizeof *backup);
  struct backup_reader reader = { .backup = backup };

  if (!backup) {
    fail_errno (ERROR_SYSTEM, "cannot read a backup");
    return NULL;
  }
  backup->mode = BACKUP_PUSH; /* as in libvirt */
  if (xml_read (xml, length, &backup_element, &reader) < 0)
    return NULL;
  return STEAL (backup);
}
