/* SPDX-License-Identifier: BSD-3-Clause */
/* Parses a document from standard input and prints it as it is formatted, or
 * the error:  format-document checkpoint|backup */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/formats/formats.h"

static char *
format_checkpoint (const char *xml, size_t length)
{
  CLEANUP_CHECKPOINT struct checkpoint *checkpoint =
      checkpoint_parse (xml, length);

  return checkpoint ? checkpoint_format (checkpoint) : NULL;
}

static char *
format_backup (const char *xml, size_t length)
{
  CLEANUP_BACKUP struct backup *backup = backup_parse (xml, length);

  return backup ? backup_format (backup) : NULL;
}

int
main (int argc, char **argv)
{
  /* One more than any document may have. */
  static char xml[FORMATS_MAX_LENGTH + 1];
  CLEANUP_FREE char *text = NULL;
  size_t length = fread (xml, 1, sizeof xml, stdin);

  if (argc == 2 && strcmp (argv[1], "checkpoint") == 0)
    text = format_checkpoint (xml, length);
  else if (argc == 2 && strcmp (argv[1], "backup") == 0)
    text = format_backup (xml, length);
  else {
    fprintf (stderr, "usage: %s checkpoint|backup < DOCUMENT\n", argv[0]);
    return 2;
  }
  if (!text) {
    fprintf (stderr, "%s\n", error_message ());
    return 1;
  }
  fputs (text, stdout);
  return 0;
}
