/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads a file that is to be sent to the daemon, which parses it. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include <libxml/xmlstring.h>

#include "common/cleanup.h"
#include "controller/cli/files.h"
#include "controller/common/error.h"

#define FILE_LIMIT (1u << 20)

char *
read_xml_file (const char *path)
{
  CLEANUP_FCLOSE FILE *file = fopen (path, "re");
  CLEANUP_FREE char *text = malloc (FILE_LIMIT + 2);
  size_t size;

  if (file == NULL || text == NULL) {
    fail_errno (ERROR_INVALID, "cannot read the file '%s'", path);
    return NULL;
  }
  size = fread (text, 1, FILE_LIMIT + 1, file);
  text[size] = '\0';
  if (ferror (file))
    fail_errno (ERROR_INVALID, "cannot read the file '%s'", path);
  else if (size > FILE_LIMIT)
    fail (ERROR_INVALID, "the file '%s' has more than %u bytes", path,
          FILE_LIMIT);
  /* It travels in JSON, which is UTF-8 and has no room for other encodings. */
  else if (strlen (text) != size ||
           !xmlCheckUTF8 ((const unsigned char *) text))
    fail (ERROR_INVALID, "the file '%s' is not a text in UTF-8", path);
  else
    return STEAL (text);
  return NULL;
}
