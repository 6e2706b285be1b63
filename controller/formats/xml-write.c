/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes an XML document so that reading it gives back the same texts, white
 * space included, and refuses what could not be read back. */

#include <config.h>

#include <stdlib.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/formats/formats.h"
#include "controller/formats/utf8.h"
#include "controller/formats/xml-write.h"

int
xml_writer_open (struct xml_writer *writer)
{
  *writer = (struct xml_writer){ 0 };
  writer->stream = open_memstream (&writer->text, &writer->length);
  if (!writer->stream)
    return fail_errno (ERROR_SYSTEM, "cannot begin an XML document");
  return 0;
}

static void
write_escaped (FILE *stream, const char *text, const char *also)
{
  for (; *text; text++) {
    if (*text == '&')
      fputs ("&amp;", stream);
    else if (*text == '<')
      fputs ("&lt;", stream);
    else if (*text == '>')
      fputs ("&gt;", stream);
    else {
      const char *special = also;

      while (*special && *special != *text)
        special++;
      if (*special)
        fprintf (stream, "&#%d;", *text);
      else
        putc (*text, stream);
    }
  }
}

void
xml_write_attribute (struct xml_writer *writer, const char *name,
                     const char *value)
{
  if (!value)
    return;
  fprintf (writer->stream, " %s='", name);
  /* A parser turns white space in an attribute into spaces. */
  write_escaped (writer->stream, value, "'\t\n\r");
  putc ('\'', writer->stream);
}

void
xml_write_element (struct xml_writer *writer, int indent, const char *name,
                   const char *text)
{
  if (!text)
    return;
  fprintf (writer->stream, "%*s<%s>", indent, "", name);
  /* A parser turns a carriage return in a text into a line feed. */
  write_escaped (writer->stream, text, "\r");
  fprintf (writer->stream, "</%s>\n", name);
}

char *
xml_writer_finish (struct xml_writer *writer, const char *what)
{
  CLEANUP_FREE char *text = NULL;
  const char *next;
  int character;

  if (fclose (STEAL (writer->stream)) != 0) {
    fail_errno (ERROR_SYSTEM, "cannot write the XML document of %s", what);
    free (STEAL (writer->text));
    return NULL;
  }
  text = STEAL (writer->text);
  if (writer->length > FORMATS_MAX_LENGTH) {
    fail (ERROR_INVALID, "%s: the document would have %zu bytes; at most %d",
          what, writer->length, FORMATS_MAX_LENGTH);
    return NULL;
  }
  for (next = text; (character = utf8_next (&next)) != 0;)
    if (character < 0 || !xml_can_hold (character)) {
      fail (ERROR_INVALID,
            "%s: a text in it is not UTF-8 or has a control character", what);
      return NULL;
    }
  return STEAL (text);
}
