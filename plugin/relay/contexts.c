/* SPDX-License-Identifier: BSD-3-Clause */
/* The metadata contexts of an export, worked out from the list of exports and
 * the --context options. */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/contexts.h"
#include "plugin/relay/message.h"
#include "plugin/relay/protocol.h"

#define DIRTY_BITMAP "qemu:dirty-bitmap:"
#define SINCE        "pullback:since:"
#define INPLACE      "/inplace"

/* Index: base:allocation of a view, where a hole (1) is a clean range, a hole
 * that reads as zeroes (3) a changed one, and everything else changed data. */
static const flag_table unchanged = { 0, 1, 2, 3 };
static const flag_table dirty = { 1, 0, 1, 1 };
static const flag_table dirty_or_zero = { 1, 0, 1, 3 };

static bool
starts_with (const char *text, const char *prefix)
{
  return strncmp (text, prefix, strlen (prefix)) == 0;
}

static bool
ends_with (const char *text, const char *suffix)
{
  const size_t length = strlen (text), end = strlen (suffix);

  return length >= end && strcmp (text + length - end, suffix) == 0;
}

/* The checkpoint's name if 'view' is 'export@CHECKPOINT', else NULL. */
static const char *
view_of (const char *view, const char *export)
{
  const size_t length = strlen (export);

  if (!starts_with (view, export) || view[length] != '@' ||
      view[length + 1] == '\0')
    return NULL;
  return view + length + 1;
}

static bool
is_view (const char *export, const struct names *exports)
{
  for (size_t i = 0; i < exports->count; i++)
    if (view_of (export, exports->items[i]))
      return true;
  return false;
}

/* Unless upstream does not tell what it would be made of. */
static int
add (struct relay *relay, struct contexts *contexts, const char *prefix,
     const char *name, const char *source, const flag_table *flags)
{
  struct context *items, *context;
  bool tells;

  if (strlen (prefix) + strlen (name) > NBD_MAX_STRING)
    return 0;
  if (exports_tell_allocation (relay->exports, source, &tells) == -1)
    return -1;
  if (!tells)
    return 0;
  items = reallocarray (contexts->items, contexts->count + 1, sizeof *items);
  if (items == NULL)
    goto failed;
  contexts->items = items;
  context = &items[contexts->count];
  context->id = contexts->count + 1;
  context->flags = flags;
  context->told = 0;
  context->source = strdup (source);
  if (asprintf (&context->name, "%s%s", prefix, name) == -1)
    context->name = NULL;
  contexts->count++;
  if (context->name && context->source)
    return 0;
failed:
  message ("%s", strerror (errno));
  return -1;
}

/* Those of the command line. */
static int
add_defined (struct relay *relay, const char *export,
             const struct names *exports, struct contexts *contexts)
{
  const struct configuration *configuration = relay->configuration;

  for (size_t i = 0; i < configuration->context_count; i++) {
    struct context_definition *definition = &configuration->contexts[i];

    if (strcmp (definition->export, export) != 0)
      continue;
    if (!names_contain (exports, definition->view)) {
      if (!atomic_exchange (&definition->complained, true))
        message ("context '%s' of export '%s' is not offered: upstream has no "
                 "export '%s'",
                 definition->name, export, definition->view);
      continue;
    }
    if (add (relay, contexts, "", definition->name, definition->view,
             starts_with (definition->name, DIRTY_BITMAP)
                 ? &dirty
                 : &dirty_or_zero) == -1)
      return -1;
  }
  return 0;
}

/* One for each checkpoint that has a view. */
static int
add_since (struct relay *relay, const char *export, const struct names *exports,
           struct contexts *contexts)
{
  const char *checkpoint;

  for (size_t i = 0; i < exports->count; i++) {
    checkpoint = view_of (exports->items[i], export);
    if (checkpoint && !ends_with (checkpoint, INPLACE) &&
        add (relay, contexts, SINCE, checkpoint, exports->items[i],
             &dirty_or_zero) == -1)
      return -1;
  }
  return 0;
}

int
contexts_of_export (struct relay *relay, const char *export,
                    struct contexts *contexts)
{
  CLEANUP_NAMES struct names exports = { 0 };

  if (exports_list_with (relay->exports, export, &exports) == -1 ||
      add (relay, contexts, "", BASE_ALLOCATION, export, &unchanged) == -1)
    return -1;
  if (is_view (export, &exports))
    return 0;
  if (add_defined (relay, export, &exports, contexts) == -1)
    return -1;
  return add_since (relay, export, &exports, contexts);
}

bool
allocation_is_content (const char *export)
{
  /* A disk that has '@' in its name is taken for a view: no harm in it. */
  return strchr (export, '@') == NULL;
}

enum content
view_content (const char *export, uint32_t flags)
{
  const bool hole = flags & 1, zero = flags & 2;

  if (allocation_is_content (export))
    return zero ? CONTENT_ZEROES : CONTENT_DATA;
  if (ends_with (export, INPLACE))
    return zero ? CONTENT_CLEAN : CONTENT_DATA;
  return zero ? CONTENT_ZEROES : hole ? CONTENT_CLEAN : CONTENT_DATA;
}

bool
context_tells_zeroes (const struct context *context)
{
  return context->flags != &dirty;
}

bool
context_matches (const struct context *context, const char *query,
                 bool wildcards)
{
  if (strcmp (context->name, query) == 0)
    return true;
  return wildcards && ends_with (query, ":") &&
         starts_with (context->name, query);
}

static void
context_free (struct context *context)
{
  free (context->name);
  free (context->source);
}

void
contexts_keep (struct contexts *contexts, const bool *selected)
{
  size_t kept = 0;

  for (size_t i = 0; i < contexts->count; i++)
    if (selected[i])
      contexts->items[kept++] = contexts->items[i];
    else
      context_free (&contexts->items[i]);
  contexts->count = kept;
}

void
contexts_free (struct contexts *contexts)
{
  for (size_t i = 0; i < contexts->count; i++)
    context_free (&contexts->items[i]);
  free (contexts->items);
  contexts->items = NULL;
  contexts->count = 0;
}
