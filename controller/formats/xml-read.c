/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads an XML document by a table that says what may stand in each element.
 * The depth of recursion is the table's, never the document's. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/formats/formats.h"
#include "controller/formats/utf8.h"
#include "controller/formats/xml-document.h"
#include "controller/formats/xml-read.h"

static const char *
name_of (const xmlNode *node)
{
  return (const char *) node->name;
}

/* Puts the place before the error at hand. */
static int
at_line (const xmlNode *node, long line)
{
  return fail_prefix ("%s, line %ld, <%s>",
                      name_of (xmlDocGetRootElement (node->doc)), line,
                      name_of (node));
}

static int
at (const xmlNode *node)
{
  return at_line (node, xmlGetLineNo (node));
}

/* The names of a table for a message: "name, backup or type".  Those that are
 * refused, or in a namespace of their own, are not offered. */
struct names {
  char text[512];
};

static void
add_name (struct names *names, const char *name, bool last)
{
  size_t used = strlen (names->text);

  snprintf (names->text + used, sizeof names->text - used, "%s%s",
            used == 0 ? ""
            : last    ? " or "
                      : ", ",
            name);
}

static struct names
attribute_names (const struct xml_attribute *attributes)
{
  struct names names = { "" };

  for (; attributes && attributes->name; attributes++)
    if (!attributes->refused)
      add_name (&names, attributes->name, !attributes[1].name);
  return names;
}

static struct names
element_names (const struct xml_element *elements)
{
  struct names names = { "" };

  for (; elements && elements->name; elements++)
    if (!elements->refused && !elements->space)
      add_name (&names, elements->name, !elements[1].name);
  return names;
}

/* Says the name with its prefix. */
static int
unknown (const char *what, const xmlNs *ns, const char *local,
         struct names known)
{
  CLEANUP_FREE char *whole = NULL;
  const char *name = local;

  if (ns && ns->prefix && asprintf (&whole, "%s:%s", ns->prefix, local) >= 0)
    name = whole;
  if (known.text[0] == '\0')
    return fail (ERROR_INVALID, "there is no %s '%s' here, nor any other", what,
                 utf8_show (name).text);
  return fail (ERROR_INVALID, "there is no %s '%s' here; expected %s", what,
               utf8_show (name).text, known.text);
}

static int
read_attribute (const xmlNode *node, const xmlAttr *attribute,
                const struct xml_element *element, void *reader)
{
  const struct xml_attribute *known = element->attributes;
  const char *name = (const char *) attribute->name;
  xmlChar *value;
  int result;

  while (known && known->name &&
         (attribute->ns || strcmp (known->name, name) != 0))
    known++;
  if (!known || !known->name)
    return element->opaque ? 0
                           : unknown ("attribute", attribute->ns, name,
                                      attribute_names (element->attributes));
  if (known->refused)
    return fail (ERROR_UNSUPPORTED, "attribute '%s' cannot be honoured: %s",
                 name, known->refused);
  value = xmlNodeListGetString (node->doc, attribute->children, 1);
  result = known->store (reader, value ? (const char *) value : "");
  xmlFree (value);
  return result < 0 ? fail_prefix ("attribute '%s'", name) : 0;
}

static int
read_attributes (const xmlNode *node, const struct xml_element *element,
                 void *reader)
{
  const struct xml_attribute *known;
  const xmlAttr *attribute;

  for (attribute = node->properties; attribute; attribute = attribute->next)
    if (read_attribute (node, attribute, element, reader) < 0)
      return -1;
  for (known = element->attributes; known && known->name; known++)
    if (known->required &&
        !xmlHasNsProp (node, (const xmlChar *) known->name, NULL))
      return fail (ERROR_INVALID, "attribute '%s' is missing", known->name);
  return 0;
}

static int
read_text (const xmlNode *node, const struct xml_element *element, void *reader)
{
  xmlChar *text = xmlNodeListGetString (node->doc, node->children, 1);
  int result = element->text (reader, text ? (const char *) text : "");

  xmlFree (text);
  return result;
}

static bool
is_element (const xmlNode *node, const struct xml_element *element)
{
  const xmlChar *space = node->ns ? node->ns->href : NULL;

  return xmlStrEqual (space, (const xmlChar *) element->space) &&
         strcmp (element->name, name_of (node)) == 0;
}

static bool
stands_twice (const xmlNode *node, const struct xml_element *element)
{
  const xmlNode *other;

  for (other = node->prev; other; other = other->prev)
    if (other->type == XML_ELEMENT_NODE && is_element (other, element))
      return true;
  return false;
}

static int read_element (const xmlNode *node, const struct xml_element *element,
                         void *reader);

/* Reports with the child's place, except for what stands in the child. */
static int
read_child (const xmlNode *child, const struct xml_element *parent,
            void *reader)
{
  const struct xml_element *known = parent->children;

  while (known && known->name && !is_element (child, known))
    known++;
  if (!known || !known->name) {
    if (parent->opaque)
      return 0;
    unknown ("element", child->ns, name_of (child),
             element_names (parent->children));
    return at_line (child->parent, xmlGetLineNo (child));
  }
  if (known->refused) {
    fail (ERROR_UNSUPPORTED, "this element cannot be honoured: %s",
          known->refused);
    return at (child);
  }
  if (!known->many && stands_twice (child, known)) {
    fail (ERROR_INVALID, "stands here a second time");
    return at (child);
  }
  return read_element (child, known, reader);
}

static int
read_children (const xmlNode *node, const struct xml_element *element,
               void *reader)
{
  const xmlNode *child;

  for (child = node->children; child; child = child->next) {
    if (child->type == XML_ELEMENT_NODE) {
      if (read_child (child, element, reader) < 0)
        return -1;
    }
    else if (child->type == XML_TEXT_NODE ||
             child->type == XML_CDATA_SECTION_NODE) {
      if (!element->text && !element->opaque && !xmlIsBlankNode (child)) {
        fail (ERROR_INVALID, "holds text where only elements may stand");
        return at (node);
      }
    }
    else if (child->type == XML_ENTITY_REF_NODE) {
      fail (ERROR_INVALID, "entity '&%s;' is not accepted", name_of (child));
      return at (node);
    }
  }
  return 0;
}

static int
read_element (const xmlNode *node, const struct xml_element *element,
              void *reader)
{
  if ((element->begin && element->begin (reader) < 0) ||
      read_attributes (node, element, reader) < 0)
    return at (node);
  if (read_children (node, element, reader) < 0)
    return -1;
  if ((element->text && read_text (node, element, reader) < 0) ||
      (element->end && element->end (reader) < 0))
    return at (node);
  return 0;
}

int
xml_read (const char *xml, size_t length, const struct xml_element *root,
          void *reader)
{
  CLEANUP_XML_DOCUMENT xmlDoc *document = NULL;
  const xmlNode *node;

  document = xml_document_parse (xml, length, root->name);
  if (!document)
    return -1;
  node = xmlDocGetRootElement (document);
  if (node->ns)
    return fail (
        ERROR_INVALID,
        "%s, line %ld: the document is in a namespace; leave xmlns= out",
        root->name, xmlGetLineNo (node));
  if (strcmp (name_of (node), root->name) != 0)
    return fail (ERROR_INVALID,
                 "%s, line %ld: this is a document <%s>; expected <%s>",
                 root->name, xmlGetLineNo (node),
                 utf8_show (name_of (node)).text, root->name);
  return read_element (node, root, reader);
}

int
xml_store_text (char **where, const char *text)
{
  free (*where);
  *where = strdup (text);
  if (!*where)
    return fail_errno (ERROR_SYSTEM, "cannot hold a text of %zu bytes",
                       strlen (text));
  return 0;
}

int
xml_choice (const char *value, const char *const *choices)
{
  struct names names = { "" };
  int i;

  for (i = 0; choices[i]; i++) {
    if (strcmp (value, choices[i]) == 0)
      return i;
    add_name (&names, choices[i], !choices[i + 1]);
  }
  return fail (ERROR_INVALID, "'%s' is not accepted; expected %s",
               utf8_show (value).text, names.text);
}

int
xml_store_number (uint64_t *where, const char *value, uint64_t most)
{
  /* White space around a number means nothing, as in XML Schema. */
  const char *digits = value + strspn (value, " \t\r\n");
  size_t length = strspn (digits, "0123456789");
  const char *behind = digits + length;

  errno = 0;
  *where = strtoull (digits, NULL, 10);
  if (length == 0 || behind[strspn (behind, " \t\r\n")] != '\0' || errno ||
      *where > most)
    return fail (ERROR_INVALID,
                 "'%s' is not accepted; expected a whole number from 0 to %llu",
                 utf8_show (value).text, (unsigned long long) most);
  return 0;
}
