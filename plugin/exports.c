/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeps what discovery found, and finds views by their names.  A new discovery
 * adds to the lists and takes nothing away. */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "common/cleanup.h"
#include "plugin/discovery.h"
#include "plugin/exports.h"
#include "plugin/extents.h"
#include "plugin/map-export.h"
#include "plugin/upstream.h"

static const char *const suffixes[] = { [VIEW_MAIN] = "",
                                        [VIEW_CHANGES] = "",
                                        [VIEW_IN_PLACE] = "/inplace",
                                        [VIEW_READABLE] = "/readable" };

struct name_list {
  const char *names[EXPORTS_MAX];
  size_t count;
};

static struct name_list selected, changes_only;
static const char *reclaim_folder;
static size_t data_connections = 4;

/* Of the lists. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct export *all_exports;

static int
add_to_list (struct name_list *list, const char *key, const char *name)
{
  if (list->count == EXPORTS_MAX) {
    nbdkit_error ("%s=%s: there are more than %d of them", key, name,
                  EXPORTS_MAX);
    return -1;
  }
  if (strlen (name) > NAME_MAX_BYTES) {
    nbdkit_error ("%s=%.20s...: a name has at most %d bytes", key, name,
                  NAME_MAX_BYTES);
    return -1;
  }
  list->names[list->count++] = name;
  return 0;
}

static bool
is_listed (const struct name_list *list, const char *name)
{
  for (size_t i = 0; i < list->count; i++)
    if (strcmp (list->names[i], name) == 0)
      return true;
  return false;
}

int
exports_select (const char *name)
{
  return add_to_list (&selected, "export", name);
}

int
exports_set_changes_only (const char *name)
{
  return add_to_list (&changes_only, "changes-only", name);
}

void
exports_set_reclaim (const char *folder)
{
  reclaim_folder = folder;
}

void
exports_set_connections (size_t connections)
{
  data_connections = connections;
}

static void
free_bitmap (struct bitmap *bitmap)
{
  map_free (bitmap->map);
  pool_free (bitmap->pool);
  free (bitmap->context);
  free (bitmap->name);
  free (bitmap);
}

static void
free_export (struct export *export)
{
  while (export->bitmaps) {
    struct bitmap *bitmap = export->bitmaps;

    export->bitmaps = bitmap->next;
    free_bitmap (bitmap);
  }
  map_free (export->map);
  reclaim_free (export->reclaim);
  pool_free (export->data);
  pool_free (export->allocation);
  pool_free (export->depth);
  free (export->description);
  free (export->name);
  free (export);
}

void
exports_free (void)
{
  while (all_exports) {
    struct export *export = all_exports;

    all_exports = export->next;
    free_export (export);
  }
}

static int
report_memory (void)
{
  nbdkit_error ("out of memory for an export: %s", strerror (errno));
  return -1;
}

/* Adds at the end, so that a listing keeps the server's order. */
static int
add_bitmap (struct export *export, const char *name)
{
  struct bitmap **place = &export->bitmaps;
  struct bitmap *bitmap;

  for (; *place; place = &(*place)->next)
    if (strcmp ((*place)->name, name) == 0)
      return 0;
  if (strlen (export->name) + 1 + strlen (name) +
          strlen (suffixes[VIEW_IN_PLACE]) >
      NAME_MAX_BYTES) {
    nbdkit_debug ("export '%s': the name of bitmap '%s' is too long for a view",
                  export->name, name);
    return 0;
  }

  bitmap = calloc (1, sizeof *bitmap);
  if (bitmap == NULL)
    return report_memory ();
  *place = bitmap;
  bitmap->export = export;
  bitmap->name = strdup (name);
  if (asprintf (&bitmap->context, "qemu:dirty-bitmap:%s", name) == -1)
    bitmap->context = NULL;
  bitmap->map = map_new (export->size, extents_fetch_changes, bitmap);
  if (bitmap->context)
    bitmap->pool = pool_new (export->name, bitmap->context, export->size, 1);
  if (bitmap->name && bitmap->map && bitmap->pool)
    return 0;

  *place = NULL;
  free_bitmap (bitmap);
  return report_memory ();
}

static struct export *
new_export (struct finding *finding)
{
  struct export *export = calloc (1, sizeof *export);
  size_t connections = finding->can_multi_conn ? data_connections : 1;

  if (export == NULL)
    return NULL;
  export->name = STEAL (finding->name);
  export->description = STEAL (finding->description);
  export->size = finding->size;
  export->minimum = finding->minimum;
  export->preferred = finding->preferred;
  export->maximum = finding->maximum;
  export->has_allocation = finding->has_allocation;
  export->has_depth = finding->has_depth;
  export->changes_only = is_listed (&changes_only, export->name);
  export->data = pool_new (export->name, NULL, export->size, connections);
  export->allocation =
      pool_new (export->name, "base:allocation", export->size, 1);
  export->depth =
      pool_new (export->name, "qemu:allocation-depth", export->size, 1);
  export->map = map_new (export->size, extents_fetch_allocation, export);
  if (reclaim_folder)
    export->reclaim = reclaim_new (reclaim_folder, export->name, export->size);
  if (export->data && export->allocation && export->depth && export->map &&
      (reclaim_folder == NULL || export->reclaim))
    return export;
  free_export (export);
  return NULL;
}

static int
add_export (struct finding *finding)
{
  struct export **place = &all_exports;

  for (; *place; place = &(*place)->next)
    if (strcmp ((*place)->name, finding->name) == 0)
      break;
  if (*place == NULL) {
    *place = new_export (finding);
    if (*place == NULL)
      return report_memory ();
  }
  else if ((*place)->size != finding->size)
    return 0; /* which the first connection will say */

  for (size_t i = 0; i < finding->bitmap_count; i++)
    if (add_bitmap (*place, finding->bitmaps[i]) == -1)
      return -1;
  return 0;
}

/* Not what would be taken for a map of our own. */
static bool
is_served (const struct finding *finding)
{
  if (map_export_of (finding->name))
    nbdkit_error ("export '%s' of %s is not served: names that begin with "
                  "'" MAP_EXPORT_PREFIX "' are those of maps",
                  finding->name, upstream_address ());
  return finding->is_usable && map_export_of (finding->name) == NULL;
}

int
exports_discover (void)
{
  CLEANUP_FINDINGS struct findings findings = { 0 };

  if (discover (selected.names, selected.count, &findings) == -1)
    return -1;
  LOCK_IN_SCOPE (&lock);
  for (size_t i = 0; i < findings.count; i++)
    if (is_served (&findings.items[i]) && add_export (&findings.items[i]) == -1)
      return -1;
  return 0;
}

int
exports_discover_first (void)
{
  bool known;

  pthread_mutex_lock (&lock);
  known = all_exports != NULL;
  pthread_mutex_unlock (&lock);
  return known ? 0 : exports_discover ();
}

int
exports_foreach (int (*call) (const struct view *view, void *opaque),
                 void *opaque)
{
  LOCK_IN_SCOPE (&lock);

  for (struct export *export = all_exports; export; export = export->next) {
    struct view view = { .kind = VIEW_MAIN, .export = export };
    int result = export->changes_only ? 0 : call (&view, opaque);

    for (view.bitmap = export->bitmaps; result == 0 && view.bitmap;
         view.bitmap = view.bitmap->next) {
      view.kind = VIEW_CHANGES;
      result = call (&view, opaque);
      view.kind = VIEW_IN_PLACE;
      if (result == 0)
        result = call (&view, opaque);
    }
    if (result != 0)
      return result;
  }
  return 0;
}

const char *
exports_default (void)
{
  LOCK_IN_SCOPE (&lock);
  if (all_exports && all_exports->next == NULL && !all_exports->changes_only)
    return all_exports->name;
  return NULL;
}

/* A name that is looked for.  Exports and bitmaps may have any character in
 * their names, so that names are compared, never taken apart; of views whose
 * names are equal, the kind that comes first in the enumeration is meant. */
struct search {
  const char *name;
  bool found;
  struct view view;
};

static bool
is_view_named (const struct view *view, const char *name)
{
  size_t length = strlen (view->export->name);

  if (strncmp (name, view->export->name, length) != 0)
    return false;
  name += length;
  if (view->kind == VIEW_MAIN)
    return *name == '\0';
  if (*name++ != '@')
    return false;
  if (view->kind == VIEW_READABLE)
    return strcmp (name, suffixes[VIEW_READABLE]) == 0;
  length = strlen (view->bitmap->name);
  if (strncmp (name, view->bitmap->name, length) != 0)
    return false;
  return strcmp (name + length, suffixes[view->kind]) == 0;
}

static int
compare_name (const struct view *view, void *opaque)
{
  struct search *search = opaque;

  if (is_view_named (view, search->name) &&
      (!search->found || view->kind < search->view.kind)) {
    search->found = true;
    search->view = *view;
  }
  return 0;
}

/* Also among those that are not listed. */
static void
search_views (struct search *search)
{
  struct view view = { .kind = VIEW_READABLE };

  exports_foreach (compare_name, search);
  LOCK_IN_SCOPE (&lock);
  for (view.export = all_exports; view.export; view.export = view.export->next)
    compare_name (&view, search);
}

/* The names of the views, the first few of them. */
struct listing {
  FILE *stream;
  size_t count;
};

static int
add_to_listing (const struct view *view, void *opaque)
{
  struct listing *listing = opaque;
  CLEANUP_FREE char *name = NULL;

  if (view->kind == VIEW_IN_PLACE)
    return 0;
  if (listing->count == 10) {
    fprintf (listing->stream, ", ...");
    return 1;
  }
  name = view_name (view);
  fprintf (listing->stream, "%s'%s'", listing->count++ ? ", " : "",
           name ?: "?");
  return 0;
}

static int
report_unknown (const char *name)
{
  CLEANUP_FREE char *names = NULL;
  size_t size;
  struct listing listing = { .stream = open_memstream (&names, &size) };

  if (listing.stream == NULL)
    return report_memory ();
  exports_foreach (add_to_listing, &listing);
  if (fclose (listing.stream) != 0)
    return report_memory ();
  if (is_listed (&changes_only, name))
    nbdkit_error ("of export '%s' there is only what changed; %s has %s", name,
                  upstream_address (), *names ? names : "no exports");
  else
    nbdkit_error (
        "there is no export and no bitmap for the name '%s'; %s has %s", name,
        upstream_address (), *names ? names : "no exports");
  return -1;
}

int
exports_find (const char *name, struct view *view)
{
  const char *described = map_export_of (name);
  struct search search = { .name = described ?: name };

  search_views (&search);
  if (!search.found) {
    /* A broker hands out connections once all exports are there, and each one
     * stays open until the end: a wrong name is no reason to take another. */
    if ((upstream_is_late () ? exports_discover_first ()
                             : exports_discover ()) == -1)
      return -1;
    search_views (&search);
  }
  if (!search.found || (described && !view_has_map (&search.view)))
    return report_unknown (name);
  *view = search.view;
  view->is_map = described != NULL;
  return 0;
}

bool
view_has_map (const struct view *view)
{
  return view->kind == VIEW_MAIN ? view->export->has_allocation
                                 : view->bitmap != NULL;
}

char *
view_name (const struct view *view)
{
  char *name;

  if (view->kind == VIEW_MAIN)
    return strdup (view->export->name);
  if (asprintf (&name, "%s@%s%s", view->export->name,
                view->bitmap ? view->bitmap->name : "",
                suffixes[view->kind]) == -1)
    return NULL;
  return name;
}

char *
view_description (const struct view *view)
{
  const char *format = "";
  char *description;

  switch (view->kind) {
  case VIEW_MAIN:
    return strdup (view->export->description ?: "the point in time");
  case VIEW_CHANGES:
    format = "changes since %s: holes are clean, zeroes and data are changed";
    break;
  case VIEW_IN_PLACE:
    format = "changes since %s, to update a full copy in place";
    break;
  case VIEW_READABLE:
    return strdup ("what can be read: holes cannot");
  }
  if (asprintf (&description, format, view->bitmap->name) == -1)
    return NULL;
  return description;
}
