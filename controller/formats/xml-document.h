/* SPDX-License-Identifier: BSD-3-Clause */
/* From bytes that nobody vouches for to a tree: the only place that calls
 * libxml2's parser. */

#ifndef PULLBACK_XML_DOCUMENT_H
#define PULLBACK_XML_DOCUMENT_H

#include <stddef.h>

#include <libxml/tree.h>

/* Well-formed, with a root element, no document type, within the limits of
 * formats.h; or NULL, reported with 'what' and the line.  The caller's. */
xmlDoc *xml_document_parse (const char *xml, size_t length, const char *what);

static inline void
cleanup_xml_document (xmlDoc **document)
{
  xmlFreeDoc (*document);
}
#define CLEANUP_XML_DOCUMENT __attribute__ ((cleanup (cleanup_xml_document)))

#endif /* PULLBACK_XML_DOCUMENT_H */
