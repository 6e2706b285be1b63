/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes an XML document as libvirt lays it out: two spaces an indent, single
 * quotes, one element a line. */

#ifndef PULLBACK_XML_WRITE_H
#define PULLBACK_XML_WRITE_H

#include <stddef.h>
#include <stdio.h>

/* The document so far; owns the memory until xml_writer_finish. */
struct xml_writer {
  FILE *stream;
  char *text;
  size_t length;
};

/* -1: reported. */
int xml_writer_open (struct xml_writer *writer);

/* " name='value'"; nothing if the value is NULL. */
void xml_write_attribute (struct xml_writer *writer, const char *name,
                          const char *value);
/* "<name>text</name>" on a line of its own; nothing if the text is NULL. */
void xml_write_element (struct xml_writer *writer, int indent, const char *name,
                        const char *text);

/* The document, the caller's.  NULL: out of memory, longer than a document may
 * be, or 'what' holds a text that XML cannot hold; reported. */
char *xml_writer_finish (struct xml_writer *writer, const char *what);

#endif /* PULLBACK_XML_WRITE_H */
