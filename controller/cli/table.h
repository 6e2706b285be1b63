/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables as virsh prints them: a heading, a line, and columns as wide as what
 * stands in them. */

#ifndef PULLBACK_TABLE_H
#define PULLBACK_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table;

/* 'headings' are the columns', up to NULL.  NULL: reported. */
struct table *table_new (const char *heading, ...) __attribute__ ((sentinel));
/* As many texts as columns; they are copied, NULL counts as "-". -1: reported.
 */
int table_row (struct table *table, ...);
/* To standard output. */
void table_show (const struct table *table);
void table_free (struct table *table);

static inline void
cleanup_table_free (struct table **table)
{
  table_free (*table);
}
#define CLEANUP_TABLE __attribute__ ((cleanup (cleanup_table_free)))

#endif /* PULLBACK_TABLE_H */
