/* SPDX-License-Identifier: BSD-3-Clause */
/* The XML files that are given to a verb. */

#ifndef PULLBACK_FILES_H
#define PULLBACK_FILES_H

/* The whole text of a file of at most 1 MiB, UTF-8, the caller's.  NULL:
 * reported. */
char *read_xml_file (const char *path);

#endif /* PULLBACK_FILES_H */
