/* SPDX-License-Identifier: BSD-3-Clause */
/* From bytes that nobody vouches for to a tree.  A document type is refused
 * where it begins, before any entity in it exists, so that nothing is ever
 * expanded or fetched. */

#include <config.h>

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "controller/common/error.h"
#include "controller/formats/formats.h"
#include "controller/formats/utf8.h"
#include "controller/formats/xml-document.h"

/* What the callbacks of one parse have seen; reached by the context. */
struct parse {
  bool has_document_type;
  int line;          /* of the first error */
  char message[512]; /* of the first error, "" if there was none */
};

/* libxml2 passes its own type, const since 2.12. */
#if LIBXML_VERSION >= 21200
typedef const xmlError *error_pointer;
#else
typedef xmlErrorPtr error_pointer;
#endif

static void
on_error (void *opaque, error_pointer error)
{
  xmlParserCtxt *context = opaque;
  struct parse *parse = context->_private;

  /* The first one is the cause; what follows it is confusion. */
  if (error->level < XML_ERR_ERROR || parse->message[0] || !error->message)
    return;
  parse->line = error->line;
  snprintf (parse->message, sizeof parse->message, "%s", error->message);
  parse->message[strcspn (parse->message, "\n")] = '\0';
}

static void
on_document_type (void *opaque, const xmlChar *name, const xmlChar *external_id,
                  const xmlChar *system_id)
{
  xmlParserCtxt *context = opaque;
  struct parse *parse = context->_private;

  (void) name, (void) external_id, (void) system_id;
  parse->has_document_type = true;
  parse->line = xmlSAX2GetLineNumber (context);
  xmlStopParser (context);
}

static xmlParserCtxt *
new_context (struct parse *parse)
{
  /* Before 2.11, libxml2 could not set itself up in two threads at once. */
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  xmlParserCtxt *context;

  pthread_once (&once, xmlInitParser);
  context = xmlNewParserCtxt ();
  if (!context)
    return NULL;
  context->_private = parse;
  context->sax->serror = on_error;
  context->sax->internalSubset = on_document_type;
  context->sax->externalSubset = NULL;
  context->sax->resolveEntity = NULL;
  return context;
}

/* The first element that stands too deep; NULL if none does. */
static const xmlNode *
too_deep (const xmlNode *root)
{
  const xmlNode *node = root;
  int depth = 1;

  for (;;) {
    if (node->type == XML_ELEMENT_NODE && depth > FORMATS_MAX_DEPTH)
      return node;
    if (node->type == XML_ELEMENT_NODE && node->children) {
      node = node->children;
      depth++;
      continue;
    }
    while (node != root && !node->next) {
      node = node->parent;
      depth--;
    }
    if (node == root)
      return NULL;
    node = node->next;
  }
}

/* What libxml2 made of it, as an error of ours. */
static int
check (const struct parse *parse, xmlDoc *document, const char *what)
{
  const xmlNode *deep;

  if (parse->has_document_type)
    return fail (ERROR_INVALID,
                 "%s, line %d: a document type (<!DOCTYPE>) is not accepted; "
                 "leave it out, with its entities",
                 what, parse->line);
  if (parse->message[0])
    return fail (ERROR_INVALID, "%s, line %d: not well-formed XML: %s", what,
                 parse->line, parse->message);
  if (!document || !xmlDocGetRootElement (document))
    return fail (ERROR_INVALID, "%s: not well-formed XML", what);
  deep = too_deep (xmlDocGetRootElement (document));
  if (deep)
    return fail (ERROR_INVALID,
                 "%s, line %ld, <%s>: elements are nested more than %d deep",
                 what, xmlGetLineNo (deep),
                 utf8_show ((const char *) deep->name).text, FORMATS_MAX_DEPTH);
  return 0;
}

xmlDoc *
xml_document_parse (const char *xml, size_t length, const char *what)
{
  struct parse parse = { 0 };
  xmlParserCtxt *context;
  xmlDoc *document;

  if (length > FORMATS_MAX_LENGTH) {
    fail (ERROR_INVALID, "%s: the document has %zu bytes; at most %d", what,
          length, FORMATS_MAX_LENGTH);
    return NULL;
  }
  if (length == 0) {
    fail (ERROR_INVALID, "%s: the document is empty", what);
    return NULL;
  }
  /* libxml2 takes it for the end and would ignore what follows. */
  if (memchr (xml, '\0', length)) {
    fail (ERROR_INVALID, "%s: the document has a NUL byte; expected UTF-8",
          what);
    return NULL;
  }
  context = new_context (&parse);
  if (!context) {
    fail (ERROR_SYSTEM, "%s: out of memory", what);
    return NULL;
  }
  document = xmlCtxtReadMemory (context, xml, length, NULL, NULL,
                                XML_PARSE_NONET | XML_PARSE_BIG_LINES);
  xmlFreeParserCtxt (context);
  if (check (&parse, document, what) < 0) {
    xmlFreeDoc (document);
    return NULL;
  }
  return document;
}
