/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold for whatever a parser of a document accepts: the parser, the
 * formatter and the schema agree. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/relaxng.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/round-trip.h"

static void
quiet (void *opaque, const char *format, ...)
{
  (void) opaque, (void) format;
}

static xmlRelaxNG *
load_schema (const char *path)
{
  xmlRelaxNGParserCtxt *context = xmlRelaxNGNewParserCtxt (path);
  xmlRelaxNG *schema = context ? xmlRelaxNGParse (context) : NULL;

  xmlRelaxNGFreeParserCtxt (context);
  if (!schema) {
    fprintf (stderr, "cannot read the schema %s\n", path);
    exit (EXIT_FAILURE);
  }
  return schema;
}

static bool
schema_accepts (xmlRelaxNG *schema, const char *xml, size_t length)
{
  xmlDoc *document =
      xmlReadMemory (xml, length, NULL, NULL,
                     XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
  xmlRelaxNGValidCtxt *context = xmlRelaxNGNewValidCtxt (schema);
  int result;

  xmlRelaxNGSetValidErrors (context, quiet, quiet, NULL);
  result = document ? xmlRelaxNGValidateDoc (context, document) : -1;
  xmlRelaxNGFreeValidCtxt (context);
  xmlFreeDoc (document);
  return result == 0;
}

void
check_round_trip (format_function format, const char *schema_path,
                  const uint8_t *data, size_t size)
{
  static xmlRelaxNG *schema;
  const char *xml = (const char *) data;
  CLEANUP_FREE char *once = NULL;
  CLEANUP_FREE char *twice = NULL;

  if (!schema)
    schema = load_schema (schema_path);
  error_clear ();
  once = format (xml, size);
  if (!once) {
    must (error_message ()[0] != '\0', "refused without a message");
    return;
  }
  twice = format (once, strlen (once));
  must (twice != NULL, "what was printed is refused: %s\n%s", error_message (),
        once);
  must (strcmp (once, twice) == 0, "not formatted as itself:\n%s", once);
  must (schema_accepts (schema, xml, size), "the schema refuses the input:\n%s",
        once);
  must (schema_accepts (schema, once, strlen (once)),
        "the schema refuses the output:\n%s", once);
}
