/* SPDX-License-Identifier: BSD-3-Clause */
/* A table owns copies of its cells, row after row; the first row is the
 * heading. */

#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/cli/table.h"
#include "controller/common/error.h"

#define GAP         3
#define MAX_COLUMNS 16

struct table {
  size_t nr_columns, nr_cells, room;
  char **cells;
};

/* Columns of a terminal, taken as one for each character of UTF-8. */
static size_t
width (const char *text)
{
  size_t count = 0;

  for (; *text; text++)
    count += (*text & 0xc0) != 0x80;
  return count;
}

static int
add_cell (struct table *table, const char *text)
{
  char *cell = strdup (text ? text : "-");

  if (table->nr_cells == table->room) {
    size_t room = table->room * 2 + MAX_COLUMNS;
    char **grown = reallocarray (table->cells, room, sizeof *grown);

    if (grown) {
      table->cells = grown;
      table->room = room;
    }
  }
  if (cell == NULL || table->nr_cells == table->room) {
    free (cell);
    return fail_errno (ERROR_SYSTEM, "table");
  }
  table->cells[table->nr_cells++] = cell;
  return 0;
}

struct table *
table_new (const char *heading, ...)
{
  CLEANUP_TABLE struct table *table = calloc (1, sizeof *table);
  va_list headings;
  int result = 0;

  if (table == NULL) {
    fail_errno (ERROR_SYSTEM, "table");
    return NULL;
  }
  va_start (headings, heading);
  for (; heading && result == 0 && table->nr_cells < MAX_COLUMNS;
       heading = va_arg (headings, const char *))
    result = add_cell (table, heading);
  va_end (headings);
  table->nr_columns = table->nr_cells;
  return result == 0 ? STEAL (table) : NULL;
}

int
table_row (struct table *table, ...)
{
  va_list texts;
  int result = 0;
  size_t i;

  va_start (texts, table);
  for (i = 0; i < table->nr_columns && result == 0; i++)
    result = add_cell (table, va_arg (texts, const char *));
  va_end (texts);
  return result;
}

static void
show_rows (const struct table *table, const size_t *widths, size_t first,
           size_t end)
{
  size_t i;

  for (i = first; i < end; i++) {
    size_t column = i % table->nr_columns;
    size_t padding = widths[column] - width (table->cells[i]);

    if (column == 0)
      putchar (' ');
    if (column + 1 < table->nr_columns)
      printf ("%s%*s", table->cells[i], (int) padding, "");
    else
      puts (table->cells[i]);
  }
}

void
table_show (const struct table *table)
{
  size_t widths[MAX_COLUMNS] = { 0 };
  size_t line = 0, i;

  for (i = 0; i < table->nr_cells; i++) {
    size_t wanted = width (table->cells[i]) + GAP;

    if (wanted > widths[i % table->nr_columns])
      widths[i % table->nr_columns] = wanted;
  }
  for (i = 0; i < table->nr_columns; i++)
    line += widths[i];
  show_rows (table, widths, 0, table->nr_columns);
  for (i = 0; i < line; i++)
    putchar ('-');
  putchar ('\n');
  show_rows (table, widths, table->nr_columns, table->nr_cells);
}

void
table_free (struct table *table)
{
  size_t i;

  if (table == NULL)
    return;
  for (i = 0; i < table->nr_cells; i++)
    free (table->cells[i]);
  free (table->cells);
  free (table);
}
