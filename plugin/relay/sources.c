/* SPDX-License-Identifier: BSD-3-Clause */
/* Maps of base:allocation of the server's exports, one libnbd handle each. */

#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libnbd.h>

#include "common/cleanup.h"
#include "plugin/relay/message.h"
#include "plugin/relay/sources.h"

#define CONTEXT LIBNBD_CONTEXT_BASE_ALLOCATION

/* A server that says nothing for so long is taken for dead. */
#define TIME_LIMIT 60 /* seconds */

/* Servers that accept any export's name must not fill our memory. */
#define MAX_SOURCES 4096

struct source {
  struct source *next;
  const struct address *server;
  char *export;
  uint64_t size;
  uint32_t minimum; /* block size */
  struct map *map;
  pthread_mutex_t lock;
  struct nbd_handle *nbd; /* under the lock; NULL until needed */
};

struct sources {
  const struct address *server;
  pthread_mutex_t lock;
  struct source *first; /* under the lock; a source itself never goes away */
  size_t count;
};

/* One block status request under way. */
struct answer {
  struct map_builder *builder;
  uint32_t minimum;        /* block size */
  struct map_extent begun; /* what was told last of a block not told whole */
  uint64_t covered;        /* in whole blocks */
  bool seen;
};

static int
report (const struct source *source, const char *text)
{
  message ("extents of export '%s': %s", source->export, text);
  return -1;
}

/* Not the time of day, which can be set meanwhile. */
static time_t
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

/* Runs the handle until 'done' says so. */
static int
run (struct source *source, bool (*done) (struct nbd_handle *))
{
  const time_t limit = now () + TIME_LIMIT;

  while (!done (source->nbd)) {
    if (nbd_aio_is_dead (source->nbd) || nbd_aio_is_closed (source->nbd))
      return report (source, "upstream has closed the connection");
    if (now () >= limit)
      return report (source, "upstream does not answer");
    if (nbd_poll (source->nbd, 1000) == -1)
      return report (source, nbd_get_error ());
  }
  return 0;
}

static bool
is_ready (struct nbd_handle *nbd)
{
  return nbd_aio_is_ready (nbd);
}

/* There is only one at a time; its result is fetched afterwards. */
static bool
is_completed (struct nbd_handle *nbd)
{
  return nbd_aio_peek_command_completed (nbd) > 0;
}

static int
check_connection (struct source *source)
{
  if (nbd_get_size (source->nbd) != (int64_t) source->size)
    return report (source, "it has not the size of the export it describes");
  if (nbd_can_meta_context (source->nbd, CONTEXT) != 1)
    return report (source, "upstream does not offer " CONTEXT);
  return 0;
}

static void
disconnect (struct source *source)
{
  nbd_close (source->nbd);
  source->nbd = NULL;
}

static int
connect_source (struct source *source)
{
  CLEANUP_CLOSE int fd = -1;

  if (source->nbd)
    return 0;
  source->nbd = nbd_create ();
  if (source->nbd == NULL)
    return report (source, nbd_get_error ());
  fd = address_connect (source->server);
  if (fd == -1 || nbd_set_export_name (source->nbd, source->export) == -1 ||
      nbd_add_meta_context (source->nbd, CONTEXT) == -1 ||
      nbd_aio_connect_socket (source->nbd, fd) == -1) {
    if (fd >= 0)
      report (source, nbd_get_error ());
    disconnect (source);
    return -1;
  }
  STEAL_FD (fd);
  if (run (source, is_ready) == -1 || check_connection (source) == -1) {
    disconnect (source);
    return -1;
  }
  return 0;
}

static int
keep (struct answer *answer, uint64_t length, uint32_t flags)
{
  answer->covered += length;
  return map_append (answer->builder, length, flags);
}

/* Clients are told of whole blocks, whatever the server says.  One whose parts
 * differ is neither a hole nor zeroes: it is data, in a view what changed, and
 * must be read. */
static int
add_extent (struct answer *answer, uint64_t length, uint32_t flags)
{
  struct map_extent *begun = &answer->begun;
  uint64_t taken;

  if (begun->length > 0 && length > 0) {
    taken = answer->minimum - begun->length;
    taken = taken < length ? taken : length;
    length -= taken;
    begun->length += taken;
    begun->flags = begun->flags == flags ? flags : 0;
    if (begun->length < answer->minimum)
      return 0;
    if (keep (answer, answer->minimum, begun->flags) == -1)
      return -1;
    begun->length = 0;
  }
  if (length == 0)
    return 0;
  *begun = (struct map_extent){ length % answer->minimum, flags };
  return keep (answer, length - begun->length, flags);
}

/* The answer ends within a block: nothing is known of the rest of it. */
static int
end_block (struct answer *answer)
{
  return answer->begun.length > 0 ? keep (answer, answer->minimum, 0) : 0;
}

/* libnbd's callback: pairs of length and flags. */
static int
add_extents (void *opaque, const char *context, uint64_t offset,
             uint32_t *entries, size_t entry_count, int *error)
{
  struct answer *answer = opaque;

  (void) offset;
  if (strcmp (context, CONTEXT) != 0 || answer->seen)
    return 0;
  answer->seen = true;
  for (size_t i = 0; i + 1 < entry_count; i += 2)
    if (add_extent (answer, entries[i], entries[i + 1]) == -1) {
      *error = ENOMEM;
      return -1;
    }
  return 0;
}

/* One request; how many bytes it told about is in *covered. */
static int
ask (struct source *source, uint64_t offset, uint64_t length,
     struct map_builder *builder, uint64_t *covered)
{
  struct answer answer = { .builder = builder, .minimum = source->minimum };
  int64_t command;

  command = nbd_aio_block_status (
      source->nbd, length, offset,
      (nbd_extent_callback){ .callback = add_extents, .user_data = &answer },
      NBD_NULL_COMPLETION, 0);
  if (command == -1)
    return report (source, nbd_get_error ());
  if (run (source, is_completed) == -1)
    return -1;
  if (nbd_aio_command_completed (source->nbd, command) == -1)
    return report (source, nbd_get_error ());
  if (end_block (&answer) == -1)
    return report (source, strerror (errno));
  if (answer.covered == 0)
    return report (source, "upstream's answer is empty");
  *covered = answer.covered < length ? answer.covered : length;
  return 0;
}

static int
fetch (void *opaque, uint64_t offset, uint64_t length,
       struct map_builder *builder)
{
  struct source *source = opaque;
  uint64_t covered = 0, tail;

  /* Requests go one after the other: nothing is fetched ahead. */
  if (length > MAP_SEGMENT_SIZE)
    length = MAP_SEGMENT_SIZE;
  /* Less than a block at the export's end, which no request reaches. */
  tail = length % source->minimum;

  LOCK_IN_SCOPE (&source->lock);
  if (connect_source (source) == -1)
    return -1;
  for (length -= tail; length > 0; offset += covered, length -= covered)
    if (ask (source, offset, length, builder, &covered) == -1) {
      /* 'answer' is gone: no callback may come any more. */
      disconnect (source);
      return -1;
    }
  return map_append (builder, tail, 0) == -1 ? report (source, strerror (errno))
                                             : 0;
}

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
  source->map = map_new (info->size, fetch, source);
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
