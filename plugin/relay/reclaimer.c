/* SPDX-License-Identifier: BSD-3-Clause */
/* Trims what clients have received: one thread, with a connection of its own
 * for each export, as those of clients end before all they have is known. */

#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/handle.h"
#include "plugin/relay/message.h"
#include "plugin/relay/reclaimer.h"
#include "plugin/relay/runs.h"
#include "plugin/relay/threads.h"

/* Less than that QEMU keeps as a whole. */
#define CLUSTER UINT64_C (65536)

/* At once. */
#define MAX_TRIM (UINT64_C (1) << 30)

/* In all sets together, of 16 bytes each: parts of clusters. */
#define MAX_RUNS (1 << 16)

/* Servers that accept any export's name must not fill our memory. */
#define MAX_EXPORTS 4096

struct reclaimed_export {
  struct reclaimed_export *next;
  char *name;
  struct runs received;   /* under the lock; and not trimmed */
  bool due;               /* under the lock: there is something new */
  struct nbd_handle *nbd; /* the thread's; NULL until needed */
};

struct reclaimer {
  const struct address *server;
  atomic_size_t budget;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  /* Under the lock: */
  bool started, ending;
  struct reclaimed_export *exports;
  size_t export_count;
};

struct reclaimer *
reclaimer_new (const struct address *server)
{
  struct reclaimer *reclaimer = calloc (1, sizeof *reclaimer);

  if (reclaimer) {
    reclaimer->server = server;
    reclaimer->budget = MAX_RUNS;
    pthread_mutex_init (&reclaimer->lock, NULL);
    pthread_cond_init (&reclaimer->changed, NULL);
  }
  return reclaimer;
}

static void
end_thread (struct reclaimer *reclaimer)
{
  pthread_mutex_lock (&reclaimer->lock);
  reclaimer->ending = true;
  pthread_cond_signal (&reclaimer->changed);
  pthread_mutex_unlock (&reclaimer->lock);
  if (reclaimer->started)
    pthread_join (reclaimer->thread, NULL);
}

void
reclaimer_free (struct reclaimer *reclaimer)
{
  struct reclaimed_export *export;

  if (reclaimer == NULL)
    return;
  end_thread (reclaimer);
  while ((export = reclaimer->exports)) {
    reclaimer->exports = export->next;
    nbd_close (export->nbd);
    runs_clear (&export->received);
    free (export->name);
    free (export);
  }
  pthread_cond_destroy (&reclaimer->changed);
  pthread_mutex_destroy (&reclaimer->lock);
  free (reclaimer);
}

/* Once more on a new connection, as the server may have been started again
 * since.  What fails stays as it is. */
static void
trim (const struct reclaimer *reclaimer, struct reclaimed_export *export,
      uint64_t offset, uint64_t length)
{
  for (int attempt = 0; attempt < 2; attempt++) {
    if (export->nbd == NULL)
      export->nbd = handle_connect (reclaimer->server, export->name, NULL);
    if (export->nbd == NULL)
      return;
    if (handle_wait (export->nbd, export->name,
                     nbd_aio_trim (export->nbd, length, offset,
                                   NBD_NULL_COMPLETION, 0)) == 0)
      return;
    nbd_close (STEAL (export->nbd));
  }
}

static void
trim_all (const struct reclaimer *reclaimer, struct reclaimed_export *export,
          struct runs *whole)
{
  runs_settle (whole);
  for (size_t i = 0; i < whole->count; i++) {
    const uint64_t end = whole->items[i].end;
    uint64_t offset = whole->items[i].start, length;

    for (; offset < end; offset += length) {
      length = end - offset < MAX_TRIM ? end - offset : MAX_TRIM;
      trim (reclaimer, export, offset, length);
    }
  }
}

static void
add (struct runs *runs, uint64_t start, uint64_t end)
{
  if (start < end)
    runs_add (runs, start, end - start);
}

/* The clusters of which all is received; the rest stays for later.  The lock is
 * held. */
static void
take_whole (struct reclaimer *reclaimer, struct reclaimed_export *export,
            struct runs *whole)
{
  struct runs received = export->received;

  runs_init (&export->received, &reclaimer->budget);
  runs_settle (&received);
  for (size_t i = 0; i < received.count; i++) {
    const struct byte_run run = received.items[i];
    const uint64_t start = (run.start + CLUSTER - 1) & -CLUSTER;
    const uint64_t end = run.end & -CLUSTER;

    if (start >= end)
      add (&export->received, run.start, run.end);
    else {
      add (&export->received, run.start, start);
      add (whole, start, end);
      add (&export->received, end, run.end);
    }
  }
  runs_clear (&received);
  export->due = false;
}

/* The lock is held. */
static struct reclaimed_export *
find_due (const struct reclaimer *reclaimer)
{
  struct reclaimed_export *export = reclaimer->exports;

  while (export && !export->due)
    export = export->next;
  return export;
}

/* Waits for one, and takes what is to be trimmed of it.  NULL: it is the end.
 */
static struct reclaimed_export *
next_due (struct reclaimer *reclaimer, struct runs *whole)
{
  struct reclaimed_export *export = NULL;

  LOCK_IN_SCOPE (&reclaimer->lock);
  while (!reclaimer->ending && (export = find_due (reclaimer)) == NULL)
    pthread_cond_wait (&reclaimer->changed, &reclaimer->lock);
  if (reclaimer->ending)
    return NULL;
  take_whole (reclaimer, export, whole);
  return export;
}

static void *
reclaim_thread (void *opaque)
{
  struct reclaimer *reclaimer = opaque;
  struct reclaimed_export *export;
  struct runs whole;

  runs_init (&whole, &reclaimer->budget);
  while ((export = next_due (reclaimer, &whole))) {
    trim_all (reclaimer, export, &whole);
    runs_clear (&whole);
  }
  return NULL;
}

/* The lock is held. */
static struct reclaimed_export *
find_or_make (struct reclaimer *reclaimer, const char *name)
{
  struct reclaimed_export *export = reclaimer->exports;

  while (export && strcmp (export->name, name) != 0)
    export = export->next;
  if (export || reclaimer->export_count >= MAX_EXPORTS)
    return export;
  export = calloc (1, sizeof *export);
  if (export == NULL || (export->name = strdup (name)) == NULL) {
    message ("%s", strerror (errno));
    free (export);
    return NULL;
  }
  runs_init (&export->received, &reclaimer->budget);
  export->next = reclaimer->exports;
  reclaimer->exports = export;
  reclaimer->export_count++;
  return export;
}

void
reclaimer_received (struct reclaimer *reclaimer, const char *export,
                    uint64_t offset, uint64_t length)
{
  struct reclaimed_export *found;

  LOCK_IN_SCOPE (&reclaimer->lock);
  found = find_or_make (reclaimer, export);
  if (found == NULL)
    return;
  runs_add (&found->received, offset, length);
  found->due = true;
  /* Not before: whoever made it may have forked since. */
  if (!reclaimer->started)
    reclaimer->started =
        thread_start (&reclaimer->thread, reclaim_thread, reclaimer) == 0;
  pthread_cond_signal (&reclaimer->changed);
}
