/* SPDX-License-Identifier: BSD-3-Clause */
/* backup-begin: the two documents, from files as with virsh or from options. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/cli/backup-begin.h"
#include "controller/cli/backup-ticket.h"
#include "controller/cli/checkpoint.h"
#include "controller/cli/cut.h"
#include "controller/cli/files.h"
#include "controller/cli/reply.h"
#include "controller/cli/seconds.h"
#include "controller/cli/scratch.h"
#include "controller/cli/target.h"
#include "controller/common/error.h"
#include "controller/common/paths.h"
#include "controller/formats/formats.h"

/* Of options that are a time: 30 days. */
#define MAX_RUN_SECONDS 2592000

/* Options that say what a document would say. */
static const char *const document_options[] = { "incremental", "disk", "listen",
                                                "tls",         "push", "target",
                                                "format",      NULL };

/* HOST:PORT, where an IPv6 address stands in brackets. */
static int
parse_tcp (const char *text, struct backup *backup)
{
  const char *colon = strrchr (text, ':'), *host = text;
  size_t length = colon ? (size_t) (colon - text) : 0;
  char *end;
  unsigned long port;

  if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
    host++;
    length -= 2;
  }
  errno = 0;
  port = colon ? strtoul (colon + 1, &end, 10) : 0;
  if (length == 0 || errno || colon[1] < '0' || colon[1] > '9' || *end ||
      port == 0 || port > 65535)
    return fail (ERROR_INVALID,
                 "--listen 'tcp:%s' is not of the form tcp:HOST:PORT with a "
                 "port from 1 to 65535",
                 text);
  backup->transport = SERVER_TCP;
  backup->port = port;
  backup->host = strndup (host, length);
  return backup->host ? 0 : fail_errno (ERROR_SYSTEM, "--listen");
}

static int
parse_listen (const char *text, struct backup *backup)
{
  backup->server_given = true;
  if (strncmp (text, "tcp:", 4) == 0)
    return parse_tcp (text + 4, backup);
  if (strncmp (text, "unix:", 5) != 0 || text[5] == '\0')
    return fail (ERROR_INVALID,
                 "--listen '%s' is neither unix:PATH nor tcp:HOST:PORT", text);
  backup->transport = SERVER_UNIX;
  backup->socket = paths_absolute (text + 5);
  return backup->socket ? paths_check_socket (backup->socket) : -1;
}

/* An added disk, or the one that has the name; NULL: reported. */
static struct backup_disk *
add_disk (struct backup *backup, const char *name)
{
  struct backup_disk *disk;
  size_t i;

  for (i = 0; i < backup->nr_disks; i++)
    if (strcmp (backup->disks[i].name, name) == 0)
      return &backup->disks[i];
  disk = &backup->disks[backup->nr_disks];
  disk->included = true;
  disk->name = strdup (name);
  if (disk->name == NULL) {
    fail_errno (ERROR_SYSTEM, "--disk");
    return NULL;
  }
  backup->nr_disks++;
  return disk;
}

/* DISK=TARGET */
static int
add_target (struct backup *backup, const char *text)
{
  const char *equals = strchr (text, '=');
  CLEANUP_FREE char *name = equals ? strndup (text, equals - text) : NULL;
  struct backup_disk *disk;

  if (name == NULL || !*name || !equals[1])
    return fail (ERROR_INVALID,
                 "--target '%s' is not of the form DISK=PATH or DISK=NBD-URI",
                 text);
  disk = add_disk (backup, name);
  if (disk == NULL)
    return -1;
  if (disk->target || disk->network)
    return fail (ERROR_INVALID, "--target names disk '%s' twice", name);
  return target_parse (equals + 1, disk);
}

/* Of the disks that are named; those with a target are. */
static int
name_disks (const struct invocation *invocation, struct backup *backup)
{
  const char *const *names = values_of (invocation, "disk");
  const char *const *targets = values_of (invocation, "target");
  const char *format = value_of (invocation, "format");
  size_t count = 0, i;

  for (i = 0; names[i]; i++)
    count++;
  for (i = 0; targets[i]; i++)
    count++;
  backup->disks = calloc (count + 1, sizeof *backup->disks);
  if (backup->disks == NULL)
    return fail_errno (ERROR_SYSTEM, "--disk");
  for (; *names; names++)
    if (add_disk (backup, *names) == NULL)
      return -1;
  for (; *targets; targets++)
    if (add_target (backup, *targets) == -1)
      return -1;
  if (format && count == 0)
    return fail (ERROR_INVALID,
                 "--format is for disks that --disk or --target names");
  for (i = 0; format && i < backup->nr_disks; i++)
    if ((backup->disks[i].driver = strdup (format)) == NULL)
      return fail_errno (ERROR_SYSTEM, "--format");
  return 0;
}

static int
check_mode (const struct invocation *invocation)
{
  static const char *const for_push[] = { "target", "format", "reuse-external",
                                          NULL };
  static const char *const for_pull[] = {
    "listen", "tls",          "ticket",  "insecure",      "scratch",
    "method", "changes-only", "reclaim", "scratch-limit", "scratch-reserve",
    NULL
  };
  bool push = is_given (invocation, "push");
  const char *const *option = push ? for_pull : for_push;
  const char *format = value_of (invocation, "format");

  if (format && strcmp (format, "qcow2") != 0 && strcmp (format, "raw") != 0)
    return fail (ERROR_INVALID,
                 "there is no format '%s'; there are qcow2 and raw", format);
  for (; *option; option++)
    if (is_given (invocation, *option))
      return fail (ERROR_INVALID, "--%s is only for a backup %s --push",
                   *option, push ? "without" : "with");
  return 0;
}

static int
read_tls (const struct invocation *invocation, struct backup *backup)
{
  backup->tls = is_given (invocation, "tls");
  if (backup->tls && !backup->server_given)
    return fail (ERROR_INVALID, "--tls needs --listen");
  return 0;
}

static char *
backup_xml_from_options (const struct invocation *invocation)
{
  CLEANUP_BACKUP struct backup *backup = calloc (1, sizeof *backup);
  const char *incremental = value_of (invocation, "incremental");
  const char *listen = value_of (invocation, "listen");

  if (backup == NULL ||
      (incremental && (backup->incremental = strdup (incremental)) == NULL)) {
    fail_errno (ERROR_SYSTEM, "backup");
    return NULL;
  }
  backup->mode = is_given (invocation, "push") ? BACKUP_PUSH : BACKUP_PULL;
  if (check_mode (invocation) == -1 ||
      (listen && parse_listen (listen, backup) == -1) ||
      read_tls (invocation, backup) == -1 ||
      name_disks (invocation, backup) == -1)
    return NULL;
  return backup_format (backup);
}

static char *
get_backup_xml (const struct invocation *invocation)
{
  const char *file = value_of (invocation, "backupxml");
  const char *const *option;

  if (file == NULL)
    return backup_xml_from_options (invocation);
  for (option = document_options; *option; option++)
    if (is_given (invocation, *option)) {
      fail (ERROR_INVALID,
            "--%s and the document '%s' exclude each other: the document says "
            "it",
            *option, file);
      return NULL;
    }
  return read_xml_file (file);
}

/* *xml stays NULL if there is to be no checkpoint. */
static int
get_checkpoint_xml (const struct invocation *invocation, char **xml)
{
  static const char *const all_disks[] = { NULL };
  const char *file = value_of (invocation, "checkpointxml");
  const char *name = value_of (invocation, "checkpoint");

  if (file && name)
    return fail (ERROR_INVALID,
                 "--checkpoint and the document '%s' exclude each other", file);
  if (file)
    *xml = read_xml_file (file);
  else if (name)
    *xml = checkpoint_xml (name, NULL, all_disks);
  return (file || name) && *xml == NULL ? -1 : 0;
}

/* What no document says. */
static int
read_options (const struct invocation *invocation,
              struct pullback_backup_options *options)
{
  options->method = value_of (invocation, "method");
  if (is_given (invocation, "reuse-external"))
    options->flags |= PULLBACK_BACKUP_BEGIN_REUSE_EXTERNAL;
  if (is_given (invocation, "prepare"))
    options->flags |= PULLBACK_BACKUP_BEGIN_PREPARE;
  if (is_given (invocation, "insecure"))
    options->flags |= PULLBACK_BACKUP_BEGIN_INSECURE;
  if (is_given (invocation, "no-pause"))
    options->flags |= PULLBACK_BACKUP_BEGIN_NO_PAUSE;
  if (is_given (invocation, "changes-only"))
    options->flags |= PULLBACK_BACKUP_BEGIN_CHANGES_ONLY;
  if (is_given (invocation, "reclaim"))
    options->flags |= PULLBACK_BACKUP_BEGIN_RECLAIM;
  if (is_given (invocation, "prepare-timeout") &&
      !is_given (invocation, "prepare"))
    return fail (ERROR_INVALID, "--prepare-timeout needs --prepare");
  if (is_given (invocation, "quiesce-timeout") &&
      !is_given (invocation, "quiesce"))
    return fail (ERROR_INVALID, "--quiesce-timeout needs --quiesce");
  if (read_quiesce (invocation, PULLBACK_BACKUP_BEGIN_QUIESCE,
                    PULLBACK_BACKUP_BEGIN_QUIESCE_TRY, &options->flags) == -1 ||
      read_seconds (invocation, "quiesce-timeout", MAX_SECONDS,
                    &options->quiesce_seconds) == -1)
    return -1;
  return read_seconds (invocation, "prepare-timeout", MAX_SECONDS,
                       &options->prepare_seconds) == -1 ||
                 read_seconds (invocation, "max-duration", MAX_RUN_SECONDS,
                               &options->max_seconds) == -1
             ? -1
             : 0;
}

/* A hook is run when all is prepared; if this process dies before it is, the
 * daemon gives the backup up soon. */
static int
read_hook (const struct invocation *invocation,
           struct pullback_backup_options *options)
{
  unsigned seconds;

  if (refuse_both (invocation, "hook", "prepare") == -1 ||
      read_hook_seconds (invocation, &seconds) == -1)
    return -1;
  if (!is_given (invocation, "hook"))
    return 0;
  options->flags |= PULLBACK_BACKUP_BEGIN_PREPARE;
  options->prepare_seconds =
      2 * seconds < MAX_SECONDS ? 2 * seconds : MAX_SECONDS;
  return 0;
}

int
backup_begin (struct invocation *invocation)
{
  struct pullback_backup_options options = { 0 };
  CLEANUP_FREE char *backup_xml = get_backup_xml (invocation);
  CLEANUP_FREE char *checkpoint_document = NULL;
  CLEANUP_SCRATCH_OPTIONS struct scratch_options scratch = { 0 };
  CLEANUP_FREE char *key_file = NULL;
  struct pullback_ticket ticket;
  CLEANUP_REPLY json_object *reply = NULL;
  char *text;

  if (backup_xml == NULL ||
      get_checkpoint_xml (invocation, &checkpoint_document) == -1 ||
      read_options (invocation, &options) == -1 ||
      read_hook (invocation, &options) == -1 ||
      scratch_options_read (invocation, &scratch, &options) == -1)
    return -1;
  /* What is printed once must not be lost when a hook fails. */
  if (refuse_both (invocation, "ticket", "hook") == -1)
    return -1;
  if (is_given (invocation, "ticket")) {
    if (ticket_read (invocation, &ticket, &key_file) == -1)
      return -1;
    options.ticket = &ticket;
  }
  else if (ticket_refuse_parameters (invocation, "ticket") == -1)
    return -1;
  /* Files and options are wrong or right without a daemon. */
  if (open_daemon (invocation) == -1)
    return -1;
  text = pullback_backup_begin (invocation->handle,
                                value_of (invocation, "domain"), backup_xml,
                                checkpoint_document, &options);
  if (text && is_given (invocation, "hook")) {
    free (text);
    return cut_backup (invocation);
  }
  if (reply_take (invocation, text, &reply) == -1)
    return -1;
  return reply ? backup_show_started (invocation, reply) : 0;
}

const struct parameter backup_begin_parameters[] = {
  { POSITIONAL, "domain", "DOMAIN", "the domain's name" },
  { OPTIONAL, "backupxml", "BACKUPXML",
    "a domainbackup document (without: as the options say)" },
  { OPTIONAL, "checkpointxml", "CHECKPOINTXML",
    "a domaincheckpoint document: make it at the same instant" },
  { OPTION, "incremental", "CHECKPOINT", "offer the changes since it" },
  { OPTION, "checkpoint", "NAME", "make a checkpoint at the same instant" },
  { FLAG, "changes-only", NULL,
    "only what changed can be pulled, so that the guest loses almost nothing" },
  { FLAG, "reclaim", NULL,
    "every byte can be read once, by one reader: it is then no longer copied" },
  { REPEATED, "disk", "DISK", "only this disk (without: all that can be)" },
  { FLAG, "push", NULL, "let QEMU write the backup itself, to targets" },
  { REPEATED, "target", "DISK=TARGET",
    "push to a file, a device below /dev, or an NBD URI (without: a file "
    "beside the image)" },
  { OPTION, "format", "FORMAT",
    "of the targets: qcow2 or raw (without: qcow2; to NBD raw)" },
  { FLAG, "reuse-external", NULL, "push to files that are there already" },
  { OPTION, "listen", "ADDRESS",
    "serve on unix:PATH or tcp:HOST:PORT (without: a socket of its own)" },
  { FLAG, "tls", NULL,
    "serve with TLS and the certificates of pullbackd --tls-certificates" },
  { FLAG, "ticket", NULL,
    "serve with TLS, and print a key and URIs for one who may pull" },
  TICKET_PARAMETERS,
  { FLAG, "insecure", NULL,
    "serve addresses that others can reach, without TLS" },
  SCRATCH_PARAMETERS,
  { OPTION, "method", "METHOD",
    "transaction, filter or overlay (without: what suits this QEMU)" },
  QUIESCE_PARAMETER,
  { OPTION, "quiesce-timeout", "SECONDS",
    "of each step of the agent's, and of how long all is frozen (without: "
    "30)" },
  HOOK_PARAMETERS,
  { FLAG, "no-pause", NULL, "fail where the guest would have to stand still" },
  { FLAG, "prepare", NULL, "do all but the cut, which backup-cut does" },
  { OPTION, "prepare-timeout", "SECONDS",
    "give a prepared backup up after so long (without: 600)" },
  { OPTION, "max-duration", "SECONDS",
    "end it after so long, as with backup-end --abort" },
  JSON_PARAMETER,
  { 0 },
};
