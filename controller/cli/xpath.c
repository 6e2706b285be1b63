/* SPDX-License-Identifier: BSD-3-Clause */
/* --xpath and --wrap of the verbs that show a document.  The document is the
 * daemon's, the expression whoever calls. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/xpath.h>

#include "controller/cli/xpath.h"
#include "controller/common/error.h"

struct query {
  xmlDoc *document;
  xmlXPathContext *context;
  xmlXPathObject *result;
  xmlBuffer *text;
};

static void
query_clear (struct query *query)
{
  xmlBufferFree (query->text);
  xmlXPathFreeObject (query->result);
  xmlXPathFreeContext (query->context);
  xmlFreeDoc (query->document);
}
#define CLEANUP_QUERY __attribute__ ((cleanup (query_clear)))

int
check_xpath_options (const struct invocation *invocation)
{
  if (is_given (invocation, "wrap") && !is_given (invocation, "xpath"))
    return fail (ERROR_INVALID, "--wrap needs --xpath");
  return 0;
}

/* What is wrong is said in one line, by us. */
static void
say_nothing (void *opaque, xmlError *error)
{
  (void) opaque;
  (void) error;
}

/* Blanks between elements are made anew when nodes are written. */
static int
evaluate (struct query *query, const char *xml, const char *expression)
{
  query->document = xmlReadMemory (xml, (int) strlen (xml), NULL, NULL,
                                   XML_PARSE_NONET | XML_PARSE_NOBLANKS);
  query->context = xmlXPathNewContext (query->document);
  query->text = xmlBufferCreate ();
  if (!query->document || !query->context || !query->text)
    return fail (ERROR_SYSTEM, "the daemon's document cannot be read");
  query->context->error = (xmlStructuredErrorFunc) say_nothing;
  query->result =
      xmlXPathEvalExpression ((const xmlChar *) expression, query->context);
  if (query->result == NULL || query->result->type != XPATH_NODESET)
    return fail (ERROR_INVALID,
                 "'%s' is not an XPath expression that finds nodes",
                 expression);
  return 0;
}

static int
show_nodes (struct query *query)
{
  const xmlNodeSet *nodes = query->result->nodesetval;
  int i;

  for (i = 0; nodes && i < nodes->nodeNr; i++) {
    xmlBufferEmpty (query->text);
    xmlNodeDump (query->text, query->document, nodes->nodeTab[i], 0, 1);
    printf ("%s\n", (const char *) xmlBufferContent (query->text));
  }
  return 0;
}

static int
show_wrapped (struct query *query)
{
  const xmlNodeSet *nodes = query->result->nodesetval;
  xmlNode *root =
      xmlNewDocNode (query->document, NULL, (const xmlChar *) "nodes", NULL);
  int i;

  for (i = 0; root && nodes && i < nodes->nodeNr; i++)
    xmlAddChild (root, xmlCopyNode (nodes->nodeTab[i], 1));
  if (root == NULL)
    return fail_errno (ERROR_SYSTEM, "document");
  xmlNodeDump (query->text, query->document, root, 0, 1);
  printf ("%s\n", (const char *) xmlBufferContent (query->text));
  xmlFreeNode (root);
  return 0;
}

int
show_document (const struct invocation *invocation, const char *xml)
{
  CLEANUP_QUERY struct query query = { 0 };

  if (!is_given (invocation, "xpath")) {
    puts (xml);
    return 0;
  }
  if (evaluate (&query, xml, value_of (invocation, "xpath")) == -1)
    return -1;
  return is_given (invocation, "wrap") ? show_wrapped (&query)
                                       : show_nodes (&query);
}
