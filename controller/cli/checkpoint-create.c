/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs that make checkpoints: from a file, or from options. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/cli/checkpoint.h"
#include "controller/cli/cut.h"
#include "controller/cli/files.h"
#include "controller/cli/reply.h"
#include "controller/common/error.h"
#include "controller/formats/formats.h"

static int
create (struct invocation *invocation, const char *xml, const char *file,
        unsigned flags)
{
  CLEANUP_REPLY json_object *reply = NULL;

  if (reply_take (invocation,
                  pullback_checkpoint_create (invocation->handle,
                                              value_of (invocation, "domain"),
                                              xml, flags),
                  &reply) == -1)
    return -1;
  if (reply == NULL)
    return 0;
  printf ("Domain checkpoint %s created%s%s%s\n", reply_text (reply, "name"),
          file ? " from '" : "", file ? file : "", file ? "'" : "");
  show_quiesced (reply);
  return 0;
}

int
checkpoint_create (struct invocation *invocation)
{
  const char *file = value_of (invocation, "xmlfile");
  CLEANUP_FREE char *xml =
      file ? read_xml_file (file) : strdup ("<domaincheckpoint/>");
  unsigned flags = 0;

  if (is_given (invocation, "redefine"))
    flags |= PULLBACK_CHECKPOINT_CREATE_REDEFINE;
  if (is_given (invocation, "redefine-validate"))
    flags |= PULLBACK_CHECKPOINT_CREATE_VALIDATE;
  if (read_quiesce (invocation, PULLBACK_CHECKPOINT_CREATE_QUIESCE,
                    PULLBACK_CHECKPOINT_CREATE_QUIESCE_TRY, &flags) == -1)
    return -1;
  if (flags & PULLBACK_CHECKPOINT_CREATE_VALIDATE &&
      !(flags & PULLBACK_CHECKPOINT_CREATE_REDEFINE))
    return fail (ERROR_INVALID, "--redefine-validate requires --redefine");
  if (xml == NULL || open_daemon (invocation) == -1)
    return -1;
  return create (invocation, xml, file, flags);
}

/* The next field of a specification, up to a ',' (two are a literal one), in
 * the storage of the specification itself. */
static char *
next_field (char **rest)
{
  char *field = *rest, *from, *to;

  if (field == NULL)
    return NULL;
  for (from = to = field; *from; *to++ = *from++)
    if (*from == ',' && *++from != ',') {
      *to = '\0';
      *rest = from;
      return field;
    }
  *to = '\0';
  *rest = NULL;
  return field;
}

/* vda[,checkpoint=no|bitmap][,bitmap=NAME], as virsh's. */
static int
parse_diskspec (const char *text, struct checkpoint_disk *disk)
{
  CLEANUP_FREE char *copy = strdup (text);
  char *rest = copy, *field;

  disk->size = -1;
  disk->included = true;
  if (copy == NULL || (disk->name = strdup (next_field (&rest))) == NULL)
    return fail_errno (ERROR_SYSTEM, "--diskspec");
  while ((field = next_field (&rest)) != NULL) {
    if (strcmp (field, "checkpoint=no") == 0)
      disk->included = false;
    else if (strcmp (field, "checkpoint=bitmap") == 0)
      disk->included = true;
    else if (strncmp (field, "bitmap=", 7) == 0 && !disk->bitmap) {
      disk->bitmap = strdup (field + 7);
      if (disk->bitmap == NULL)
        return fail_errno (ERROR_SYSTEM, "--diskspec");
    }
    else
      return fail (ERROR_INVALID,
                   "'%s' in --diskspec '%s' is not known; a diskspec is "
                   "DISK[,checkpoint=no|bitmap][,bitmap=NAME]",
                   field, text);
  }
  return 0;
}

static int
parse_diskspecs (const char *const *specs, struct checkpoint *checkpoint)
{
  size_t count = 0;

  while (specs[count])
    count++;
  checkpoint->disks = calloc (count + 1, sizeof *checkpoint->disks);
  if (checkpoint->disks == NULL)
    return fail_errno (ERROR_SYSTEM, "--diskspec");
  for (; *specs; specs++)
    if (parse_diskspec (*specs, &checkpoint->disks[checkpoint->nr_disks++]) ==
        -1)
      return -1;
  return 0;
}

char *
checkpoint_xml (const char *name, const char *description,
                const char *const *diskspecs)
{
  CLEANUP_CHECKPOINT struct checkpoint *checkpoint =
      calloc (1, sizeof *checkpoint);

  if (checkpoint == NULL ||
      (name && (checkpoint->name = strdup (name)) == NULL) ||
      (description &&
       (checkpoint->description = strdup (description)) == NULL)) {
    fail_errno (ERROR_SYSTEM, "checkpoint");
    return NULL;
  }
  if (parse_diskspecs (diskspecs, checkpoint) == -1)
    return NULL;
  return checkpoint_format (checkpoint);
}

int
checkpoint_create_as (struct invocation *invocation)
{
  CLEANUP_FREE char *xml = checkpoint_xml (value_of (invocation, "name"),
                                           value_of (invocation, "description"),
                                           values_of (invocation, "diskspec"));
  unsigned flags = 0;

  if (xml == NULL)
    return -1;
  if (is_given (invocation, "print-xml")) {
    puts (xml);
    return 0;
  }
  if (read_quiesce (invocation, PULLBACK_CHECKPOINT_CREATE_QUIESCE,
                    PULLBACK_CHECKPOINT_CREATE_QUIESCE_TRY, &flags) == -1 ||
      open_daemon (invocation) == -1)
    return -1;
  return create (invocation, xml, NULL, flags);
}
