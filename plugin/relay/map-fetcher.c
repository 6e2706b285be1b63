/* SPDX-License-Identifier: BSD-3-Clause */
/* Fetches whole maps in the background, a thread each. */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "plugin/relay/map-fetcher.h"
#include "plugin/relay/message.h"
#include "plugin/relay/relay.h"
#include "plugin/relay/threads.h"

/* At once; they are to leave room for what clients ask. */
#define MAX_THREADS 4

/* How long one may take to notice the end. */
#define END_LIMIT 2 /* seconds */

/* One map; kept once it is whole. */
struct errand {
  struct errand *next;
  struct map_fetcher *fetcher;
  char *export;
  enum map_state state; /* under the fetcher's lock */
};

struct map_fetcher {
  struct relay *relay;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  /* Under the lock: */
  struct errand *errands;
  unsigned threads;
};

struct map_fetcher *
map_fetcher_new (struct relay *relay)
{
  struct map_fetcher *fetcher = calloc (1, sizeof *fetcher);

  if (fetcher) {
    fetcher->relay = relay;
    pthread_mutex_init (&fetcher->lock, NULL);
    pthread_cond_init (&fetcher->changed, NULL);
  }
  return fetcher;
}

static void
errand_free (struct errand *errand)
{
  free (errand->export);
  free (errand);
}

/* As its clients know it, if there are any. */
static int
find_info (struct relay *relay, const char *name, struct export_info *info)
{
  struct upstream upstream CLEANUP_UPSTREAM = { .stream.fd = -1 };
  const struct delivered_export *export =
      delivered_export (relay->delivered, name, NULL);

  if (export) {
    *info = export->info;
    return 0;
  }
  if (upstream_open (&upstream, &relay->configuration->upstream) == -1)
    return -1;
  switch (upstream_info (&upstream, NBD_OPT_INFO, name, info)) {
  case UPSTREAM_OK:
    return delivered_export (relay->delivered, name, info) ? 0 : -1;
  case UPSTREAM_UNKNOWN:
    message ("upstream has no export '%s'", name);
    return -1;
  case UPSTREAM_FAILED:
    break;
  }
  return -1;
}

static int
fetch_map (struct relay *relay, const char *export)
{
  struct map_extent extent;
  struct export_info info;
  struct map *map;

  if (find_info (relay, export, &info) == -1)
    return -1;
  map = sources_map (relay->sources, export, &info);
  if (map == NULL)
    return -1;
  /* A byte of each segment has it fetched whole. */
  for (uint64_t offset = 0; offset < info.size; offset += MAP_SEGMENT_SIZE)
    if (atomic_load (&relay->draining) ||
        map_query (map, offset, 1, &extent, 1) == -1)
      return -1;
  return 0;
}

static void *
run_errand (void *opaque)
{
  struct errand *errand = opaque;
  struct map_fetcher *fetcher = errand->fetcher;
  const int r = fetch_map (fetcher->relay, errand->export);

  LOCK_IN_SCOPE (&fetcher->lock);
  errand->state = r == 0 ? MAP_IS_WHOLE : MAP_IS_LOST;
  fetcher->threads--;
  pthread_cond_signal (&fetcher->changed);
  return NULL;
}

/* The lock is held. */
static enum map_state
begin_errand (struct map_fetcher *fetcher, const char *export)
{
  struct errand *errand;
  pthread_t thread;

  if (fetcher->threads == MAX_THREADS)
    return MAP_IS_COMING;
  errand = calloc (1, sizeof *errand);
  if (errand == NULL || (errand->export = strdup (export)) == NULL) {
    message ("%s", strerror (errno));
    free (errand);
    return MAP_IS_LOST;
  }
  errand->fetcher = fetcher;
  errand->state = MAP_IS_COMING;
  if (thread_start (&thread, run_errand, errand) == -1) {
    errand_free (errand);
    return MAP_IS_LOST;
  }
  pthread_detach (thread);
  fetcher->threads++;
  errand->next = fetcher->errands;
  fetcher->errands = errand;
  return MAP_IS_COMING;
}

enum map_state
map_fetcher_ask (struct map_fetcher *fetcher, const char *export)
{
  struct errand **place, *errand;

  LOCK_IN_SCOPE (&fetcher->lock);
  for (place = &fetcher->errands; (errand = *place); place = &errand->next)
    if (strcmp (errand->export, export) == 0)
      break;
  if (errand == NULL)
    return begin_errand (fetcher, export);
  if (errand->state != MAP_IS_LOST)
    return errand->state;
  *place = errand->next;
  errand_free (errand);
  return MAP_IS_LOST;
}

/* Until no thread is left, or time is up. */
static bool
wait_for_threads (struct map_fetcher *fetcher)
{
  struct timespec limit;

  clock_gettime (CLOCK_MONOTONIC, &limit);
  limit.tv_sec += END_LIMIT;
  LOCK_IN_SCOPE (&fetcher->lock);
  while (fetcher->threads > 0)
    if (pthread_cond_clockwait (&fetcher->changed, &fetcher->lock,
                                CLOCK_MONOTONIC, &limit) == ETIMEDOUT)
      break;
  return fetcher->threads == 0;
}

bool
map_fetcher_end (struct map_fetcher *fetcher)
{
  struct errand *errand;

  if (fetcher == NULL)
    return true;
  if (!wait_for_threads (fetcher))
    return false;
  while ((errand = fetcher->errands)) {
    fetcher->errands = errand->next;
    errand_free (errand);
  }
  pthread_cond_destroy (&fetcher->changed);
  pthread_mutex_destroy (&fetcher->lock);
  free (fetcher);
  return true;
}
