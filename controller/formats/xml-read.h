/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads an XML document by a table that says what may stand in each element.
 * What the table does not know is refused with its line; nothing is ignored. */

#ifndef PULLBACK_XML_READ_H
#define PULLBACK_XML_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every function below gets the reader that the caller of xml_read gave, and
 * returns -1 with the error reported; xml_read puts the line and the element
 * before it. */
struct xml_attribute {
  const char *name; /* NULL ends a table */
  int (*store) (void *reader, const char *value);
  bool required;
  const char *refused; /* known, but cannot be honoured: why not */
};

struct xml_element {
  const char *name;  /* NULL ends a table */
  const char *space; /* its namespace; NULL: it has none */
  const struct xml_attribute *attributes;
  const struct xml_element *children;
  int (*begin) (void *reader);                  /* before its attributes */
  int (*text) (void *reader, const char *text); /* NULL: holds no text */
  int (*end) (void *reader);                    /* after its children */
  bool many;           /* may stand more than once in its parent */
  bool opaque;         /* what the tables do not know is skipped, not refused */
  const char *refused; /* known, but cannot be honoured: why not */
};

/* Without network, entities or includes; within FORMATS_MAX_LENGTH and
 * FORMATS_MAX_DEPTH.  'root' is the one element that the document may be. */
int xml_read (const char *xml, size_t length, const struct xml_element *root,
              void *reader);

/* For the store functions.  A copy in *where, the caller's. */
int xml_store_text (char **where, const char *text);
/* The index of the value in a NULL-terminated list. */
int xml_choice (const char *value, const char *const *choices);
/* Digits, with white space around them or none, up to 'most'. */
int xml_store_number (uint64_t *where, const char *value, uint64_t most);

#endif /* PULLBACK_XML_READ_H */
