/* SPDX-License-Identifier: BSD-3-Clause */
/* Draws checkpoints as virsh does, in time and memory for any depth. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/checkpoint-tree.h"
#include "controller/common/error.h"

/* The chosen children of a drawn item, and what stands before their lines. */
struct drawing {
  char *indent;
  size_t length, room;
};

/* false: out of memory. */
static bool
indent_more (struct drawing *drawing, const char *text)
{
  if (drawing->length + strlen (text) + 1 > drawing->room) {
    size_t room = drawing->room * 2 + 16;
    char *grown = realloc (drawing->indent, room);

    if (grown == NULL)
      return false;
    drawing->indent = grown;
    drawing->room = room;
  }
  strcpy (drawing->indent + drawing->length, text);
  drawing->length += strlen (text);
  return true;
}

static void
indent_back (struct drawing *drawing, size_t length)
{
  drawing->length = length;
  drawing->indent[length] = '\0';
}

static const struct item *
next_chosen (const struct item *item)
{
  while (item && !item->chosen)
    item = item->sibling;
  return item;
}

/* As virsh draws it: below an item a bar, its children behind a corner, and an
 * empty line after the last item of a branch. */
static int
draw (struct drawing *drawing, const struct item *item, bool root, bool last)
{
  size_t length = drawing->length;
  const struct item *child = next_chosen (item->first_child), *next;

  printf ("%s%s%s\n", drawing->indent, root ? "" : "+- ", item->name);
  if (!root && !indent_more (drawing, last ? "  " : "| "))
    return fail_errno (ERROR_SYSTEM, "tree");
  if (child)
    printf ("%s  |\n", drawing->indent);
  else if (last)
    printf ("%s\n", drawing->indent);
  for (; child; child = next) {
    size_t inner = drawing->length;

    next = next_chosen (child->sibling);
    if (!indent_more (drawing, "  "))
      return fail_errno (ERROR_SYSTEM, "tree");
    if (draw (drawing, child, false, next == NULL) == -1)
      return -1;
    indent_back (drawing, inner);
  }
  indent_back (drawing, length);
  return 0;
}

int
checkpoint_tree_draw (const struct items *items, const struct item *from,
                      bool topological)
{
  struct drawing drawing = { 0 };
  int result = indent_more (&drawing, "") ? 0 : -1;
  size_t i;

  for (i = 0; result == 0 && i < items->count; i++) {
    const struct item *item = topological ? &items->list[i] : items->sorted[i];

    if (from ? item == from : item->parent == NULL)
      result = draw (&drawing, item, true, true);
  }
  free (drawing.indent);
  return result;
}
