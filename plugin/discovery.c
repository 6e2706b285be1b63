/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks the server for its exports, their sizes and their metadata contexts, and
 * takes in only what is within bounds.  Nothing is negotiated to the end, so
 * that the server sees no client. */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "common/cleanup.h"
#include "plugin/discovery.h"
#include "plugin/upstream.h"

#define BITMAP_PREFIX "qemu:dirty-bitmap:"

void
findings_free (struct findings *findings)
{
  for (size_t i = 0; i < findings->count; i++) {
    struct finding *finding = &findings->items[i];

    free (finding->name);
    free (finding->description);
    for (size_t j = 0; j < finding->bitmap_count; j++)
      free (finding->bitmaps[j]);
    free (finding->bitmaps);
  }
  free (findings->items);
}

/* What a callback of libnbd collects, and what went wrong in it: an errno, or
 * E2BIG for more than is taken. */
struct collection {
  struct findings *findings;
  int error;
};

static int
add_name (struct collection *collection, const char *name,
          const char *description)
{
  struct findings *findings = collection->findings;
  struct finding *items;

  if (collection->error)
    return 0;
  if (findings->count == EXPORTS_MAX) {
    collection->error = E2BIG;
    return 0;
  }
  items = realloc (findings->items, (findings->count + 1) * sizeof *items);
  if (items == NULL) {
    collection->error = ENOMEM;
    return 0;
  }
  findings->items = items;
  items[findings->count] = (struct finding){ .name = strdup (name) };
  if (description && *description)
    items[findings->count].description = strdup (description);
  if (items[findings->count].name == NULL)
    collection->error = ENOMEM;
  findings->count++;
  return 0;
}

static int
add_listed_name (void *opaque, const char *name, const char *description)
{
  return add_name (opaque, name, description);
}

static int
collect_names (struct nbd_handle *nbd, const char *const *selected,
               size_t selected_count, struct findings *findings)
{
  struct collection collection = { .findings = findings };
  CLEANUP_FREE char *in_uri = nbd_get_export_name (nbd);

  if (selected_count > 0)
    for (size_t i = 0; i < selected_count; i++)
      add_name (&collection, selected[i], NULL);
  else if (in_uri && *in_uri)
    add_name (&collection, in_uri, NULL);
  else
    findings->are_listed = true;

  if (findings->are_listed &&
      nbd_opt_list (nbd, (nbd_list_callback){ .callback = add_listed_name,
                                              .user_data = &collection }) ==
          -1) {
    nbdkit_error ("%s: cannot list the exports: %s; name them with export=NAME",
                  upstream_address (), nbd_get_error ());
    return -1;
  }

  if (collection.error == E2BIG)
    nbdkit_error ("%s: it has more than %d exports; choose with export=NAME",
                  upstream_address (), EXPORTS_MAX);
  else if (collection.error)
    nbdkit_error ("%s", strerror (collection.error));
  return collection.error ? -1 : 0;
}

struct contexts {
  struct finding *finding;
  int error;
};

static int
add_context (void *opaque, const char *context)
{
  struct contexts *contexts = opaque;
  struct finding *finding = contexts->finding;
  const char *name = context + strlen (BITMAP_PREFIX);
  char **bitmaps;

  if (strcmp (context, "base:allocation") == 0)
    finding->has_allocation = true;
  else if (strcmp (context, "qemu:allocation-depth") == 0)
    finding->has_depth = true;
  if (strncmp (context, BITMAP_PREFIX, strlen (BITMAP_PREFIX)) != 0 ||
      *name == '\0' || contexts->error)
    return 0;

  if (finding->bitmap_count == BITMAPS_MAX) {
    contexts->error = E2BIG;
    return 0;
  }
  bitmaps =
      realloc (finding->bitmaps, (finding->bitmap_count + 1) * sizeof *bitmaps);
  if (bitmaps == NULL) {
    contexts->error = ENOMEM;
    return 0;
  }
  finding->bitmaps = bitmaps;
  bitmaps[finding->bitmap_count] = strdup (name);
  if (bitmaps[finding->bitmap_count] == NULL)
    contexts->error = ENOMEM;
  else
    finding->bitmap_count++;
  return 0;
}

/* The server may know nothing of metadata contexts, which is no error. */
static int
find_contexts (struct nbd_handle *nbd, struct finding *finding)
{
  struct contexts contexts = { .finding = finding };

  if (nbd_clear_meta_contexts (nbd) == -1 ||
      nbd_opt_list_meta_context (
          nbd, (nbd_context_callback){ .callback = add_context,
                                       .user_data = &contexts }) == -1)
    nbdkit_debug ("export '%s': no list of metadata contexts: %s",
                  finding->name, nbd_get_error ());

  if (contexts.error == E2BIG)
    nbdkit_error ("export '%s' has more than %d bitmaps", finding->name,
                  BITMAPS_MAX);
  else if (contexts.error)
    nbdkit_error ("%s", strerror (contexts.error));
  return contexts.error ? -1 : 0;
}

static bool
is_power_of_two (uint64_t n)
{
  return n > 0 && (n & (n - 1)) == 0;
}

/* Passed on only if they are what the protocol allows; nbdkit refuses others.
 */
static void
find_block_sizes (struct nbd_handle *nbd, struct finding *finding)
{
  int64_t minimum = nbd_get_block_size (nbd, LIBNBD_SIZE_MINIMUM);
  int64_t preferred = nbd_get_block_size (nbd, LIBNBD_SIZE_PREFERRED);
  int64_t maximum = nbd_get_block_size (nbd, LIBNBD_SIZE_MAXIMUM);

  if (minimum <= 0 || preferred <= 0 || maximum <= 0 ||
      !is_power_of_two (minimum) || minimum > 65536 ||
      !is_power_of_two (preferred) || preferred < 512 || preferred < minimum ||
      preferred > 32 << 20 || maximum < preferred || maximum > UINT32_MAX ||
      (maximum != UINT32_MAX && maximum % minimum != 0))
    return;
  finding->minimum = minimum;
  finding->preferred = preferred;
  finding->maximum = maximum;
}

/* -1: error reported.  That the server will not tell of an export is none. */
static int
find_out (struct nbd_handle *nbd, struct finding *finding)
{
  int64_t size;

  if (strlen (finding->name) > NAME_MAX_BYTES ||
      nbd_set_export_name (nbd, finding->name) == -1 ||
      nbd_opt_info (nbd) == -1 || (size = nbd_get_size (nbd)) == -1) {
    nbdkit_debug ("%s: nothing is known of export '%s': %s",
                  upstream_address (), finding->name,
                  nbd_get_error () ?: "its name is too long");
    return 0;
  }
  finding->is_usable = true;
  finding->size = size;
  finding->can_multi_conn = nbd_can_multi_conn (nbd) == 1;
  find_block_sizes (nbd, finding);
  return find_contexts (nbd, finding);
}

/* The names of all exports, for a message. */
static char *
list_names (struct nbd_handle *nbd)
{
  CLEANUP_FREE char *names = NULL;
  CLEANUP_FINDINGS struct findings listed = { 0 };
  struct collection collection = { .findings = &listed };
  size_t size;
  FILE *stream = open_memstream (&names, &size);

  if (stream == NULL)
    return NULL;
  nbd_opt_list (nbd, (nbd_list_callback){ .callback = add_listed_name,
                                          .user_data = &collection });
  for (size_t i = 0; i < listed.count && i < 10; i++)
    fprintf (stream, "%s'%s'", i ? ", " : "", listed.items[i].name);
  if (listed.count == 0)
    fprintf (stream, "none");
  else if (listed.count > 10)
    fprintf (stream, " and %zu more", listed.count - 10);
  if (fclose (stream) != 0)
    return NULL;
  return STEAL (names);
}

static int
check (struct nbd_handle *nbd, const struct findings *findings,
       const struct finding *finding)
{
  CLEANUP_FREE char *names = NULL;

  if (nbd_aio_is_negotiating (nbd) != 1) {
    nbdkit_error ("%s: the server hung up when asked for the export '%s'",
                  upstream_address (), finding->name);
    return -1;
  }
  if (finding->is_usable || findings->are_listed)
    return 0;
  names = list_names (nbd);
  nbdkit_error ("%s: there is no export '%s'; the server lists %s",
                upstream_address (), finding->name, names ?: "none");
  return -1;
}

int
discover (const char *const *selected, size_t selected_count,
          struct findings *findings)
{
  CLEANUP_UPSTREAM_DISCONNECT struct nbd_handle *nbd = upstream_connect ();

  if (nbd == NULL ||
      collect_names (nbd, selected, selected_count, findings) == -1)
    return -1;
  for (size_t i = 0; i < findings->count; i++)
    if (find_out (nbd, &findings->items[i]) == -1 ||
        check (nbd, findings, &findings->items[i]) == -1)
      return -1;
  return 0;
}
