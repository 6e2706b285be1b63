/* SPDX-License-Identifier: BSD-3-Clause */
/* Which sources there are: one for each export whose map somebody asked for. */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/message.h"
#include "plugin/relay/source.h"
#include "plugin/relay/sources.h"

/* Servers that accept any export's name must not fill our memory. */
#define MAX_SOURCES 4096

struct sources {
  const struct address *server;
  pthread_mutex_t lock;
  struct source *first; /* under the lock; a source itself never goes away */
  size_t count;
};

struct sources *
sources_new (const struct address *server)
{
  struct sources *sources = calloc (1, sizeof *sources);

  if (sources) {
    sources->server = server;
    pthread_mutex_init (&sources->lock, NULL);
  }
  return sources;
}

static void
source_free (struct source *source)
{
  map_free (source->map);
  nbd_close (source->nbd);
  free (source->export);
  pthread_mutex_destroy (&source->lock);
  free (source);
}

void
sources_free (struct sources *sources)
{
  struct source *source;

  if (sources == NULL)
    return;
  while ((source = sources->first)) {
    sources->first = source->next;
    source_free (source);
  }
  pthread_mutex_destroy (&sources->lock);
  free (sources);
}

static struct source *
source_new (const struct sources *sources, const char *export,
            const struct export_info *info)
{
  struct source *source = calloc (1, sizeof *source);

  if (source == NULL)
    return NULL;
  pthread_mutex_init (&source->lock, NULL);
  source->server = sources->server;
  source->size = info->size;
  source->minimum = info->minimum;
  source->export = strdup (export);
  source->map = map_new (info->size, source_fetch, source);
  if (source->export == NULL || source->map == NULL) {
    if (source->map)
      map_free (source->map);
    free (source->export);
    free (source);
    return NULL;
  }
  return source;
}

/* The lock is held. */
static struct source *
find (const struct sources *sources, const char *export,
      const struct export_info *info)
{
  struct source *source = sources->first;

  while (source &&
         (source->size != info->size || source->minimum != info->minimum ||
          strcmp (source->export, export) != 0))
    source = source->next;
  return source;
}

struct map *
sources_find (struct sources *sources, const char *export,
              const struct export_info *info)
{
  struct source *source;

  LOCK_IN_SCOPE (&sources->lock);
  source = find (sources, export, info);
  return source ? source->map : NULL;
}

struct map *
sources_map (struct sources *sources, const char *export,
             const struct export_info *info)
{
  struct source *source;

  LOCK_IN_SCOPE (&sources->lock);
  source = find (sources, export, info);
  if (source)
    return source->map;
  if (sources->count >= MAX_SOURCES) {
    message ("too many exports are in use; the limit is %d", MAX_SOURCES);
    return NULL;
  }
  source = source_new (sources, export, info);
  if (source == NULL) {
    message ("%s", strerror (errno));
    return NULL;
  }
  source->next = sources->first;
  sources->first = source;
  sources->count++;
  return source->map;
}
