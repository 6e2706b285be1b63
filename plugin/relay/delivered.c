/* SPDX-License-Identifier: BSD-3-Clause */
/* What clients have received: for each export a set of bytes, and for each
 * connection a queue of what is still on its way. */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/delivered.h"
#include "plugin/relay/message.h"

/* Servers that accept any export's name must not fill our memory. */
#define MAX_EXPORTS 4096

/* In all sets together, of 16 bytes each; an item counts as several. */
#define MAX_RUNS  (UINT32_C (1) << 21)
#define ITEM_RUNS (sizeof (struct delivery_item) / sizeof (struct byte_run))

/* What is sent one after another is one item up to this length: so far behind
 * may be what is known to be received. */
#define ITEM_BYTES (UINT64_C (1) << 20)

#define MIN_ITEMS 64 /* the first allocation; a power of 2 as all others */

struct delivered {
  struct reclaimer *reclaimer; /* NULL: there is none */
  atomic_size_t budget;
  pthread_mutex_t lock;
  /* Under the lock: */
  struct delivered_export *exports;
  size_t export_count;
  struct delivery *deliveries;
};

struct delivered *
delivered_new (struct reclaimer *reclaimer)
{
  struct delivered *delivered = calloc (1, sizeof *delivered);

  if (delivered) {
    delivered->reclaimer = reclaimer;
    delivered->budget = MAX_RUNS;
    pthread_mutex_init (&delivered->lock, NULL);
  }
  return delivered;
}

static void
export_free (struct delivered_export *export)
{
  runs_clear (&export->read);
  runs_clear (&export->told);
  pthread_mutex_destroy (&export->lock);
  free (export->name);
  free (export);
}

void
delivered_free (struct delivered *delivered)
{
  struct delivered_export *export;

  if (delivered == NULL)
    return;
  while ((export = delivered->exports)) {
    delivered->exports = export->next;
    export_free (export);
  }
  pthread_mutex_destroy (&delivered->lock);
  free (delivered);
}

/* The lock is held. */
static struct delivered_export *
export_new (struct delivered *delivered, const char *name,
            const struct export_info *info)
{
  struct delivered_export *export;

  if (delivered->export_count >= MAX_EXPORTS) {
    message ("too many exports are in use; what is read of export '%s' is not "
             "counted",
             name);
    return NULL;
  }
  export = calloc (1, sizeof *export);
  if (export == NULL || (export->name = strdup (name)) == NULL) {
    message ("%s", strerror (errno));
    free (export);
    return NULL;
  }
  export->info = *info;
  pthread_mutex_init (&export->lock, NULL);
  runs_init (&export->read, &delivered->budget);
  runs_init (&export->told, &delivered->budget);
  export->next = delivered->exports;
  delivered->exports = export;
  delivered->export_count++;
  return export;
}

struct delivered_export *
delivered_export (struct delivered *delivered, const char *name,
                  const struct export_info *info)
{
  struct delivered_export *export;

  LOCK_IN_SCOPE (&delivered->lock);
  for (export = delivered->exports; export; export = export->next)
    if (strcmp (export->name, name) == 0)
      return export;
  return info ? export_new (delivered, name, info) : NULL;
}

void
delivery_begin (struct delivery *delivery, struct delivered *delivered,
                const char *export, const struct export_info *info,
                struct stream *stream)
{
  *delivery = (struct delivery){ .delivered = delivered, .stream = stream };
  pthread_mutex_init (&delivery->lock, NULL);
  delivery->export = delivered_export (delivered, export, info);

  LOCK_IN_SCOPE (&delivered->lock);
  delivery->next = delivered->deliveries;
  delivery->place = &delivered->deliveries;
  if (delivery->next)
    delivery->next->place = &delivery->next;
  delivered->deliveries = delivery;
}

static struct delivery_item *
item_at (const struct delivery *delivery, size_t index)
{
  return &delivery
              ->items[(delivery->first + index) & (delivery->allocated - 1)];
}

/* Memory is bounded, and pieces that are many take it. */
static void
forget (struct delivered_export *export)
{
  if (!atomic_exchange (&export->forgot, true))
    message ("export '%s' is read in too many small pieces to remember all of "
             "them: some will count as not read",
             export->name);
}

/* The client has this: the one place where that is known.  The lock is held. */
static void
receive (const struct delivered *delivered, const struct delivery_item *item)
{
  struct delivered_export *export = item->export;

  if (delivered->reclaimer && item->kind == DELIVERED_READ)
    reclaimer_received (delivered->reclaimer, export->name, item->offset,
                        item->length);
  LOCK_IN_SCOPE (&export->lock);
  struct runs *runs =
      item->kind == DELIVERED_READ ? &export->read : &export->told;
  runs_add (runs, item->offset, item->length);
  if (runs->forgot)
    forget (export);
}

/* The lock is held; there is one. */
static void
drop_first (struct delivery *delivery)
{
  delivery->first = (delivery->first + 1) & (delivery->allocated - 1);
  delivery->count--;
}

/* The lock is held. */
static void
receive_first (struct delivery *delivery)
{
  receive (delivery->delivered, item_at (delivery, 0));
  drop_first (delivery);
}

/* What the client must be done with by now.  The lock is held. */
static void
look (struct delivery *delivery)
{
  const uint64_t written = delivery->stream->written;
  const uint64_t on_its_way = stream_capacity (delivery->stream);

  delivery->look_at = written + ITEM_BYTES;
  while (delivery->count > 0) {
    const uint64_t followed = written - item_at (delivery, 0)->last;

    if (followed < on_its_way || (followed - on_its_way < IN_HAND_BYTES &&
                                  delivery->count < IN_HAND_REPLIES))
      break;
    receive_first (delivery);
  }
}

/* Room for one more item.  The lock is held. */
static bool
make_room (struct delivery *delivery)
{
  const size_t wanted =
      delivery->allocated ? delivery->allocated * 2 : MIN_ITEMS;
  struct delivery_item *items;

  if (delivery->count < delivery->allocated)
    return true;
  if (delivery->allocated == IN_HAND_REPLIES) {
    look (delivery);
    return delivery->count < delivery->allocated;
  }
  if (!budget_take (&delivery->delivered->budget,
                    (wanted - delivery->allocated) * ITEM_RUNS))
    return false;
  items = calloc (wanted, sizeof *items);
  if (items == NULL) {
    atomic_fetch_add (&delivery->delivered->budget,
                      (wanted - delivery->allocated) * ITEM_RUNS);
    return false;
  }
  for (size_t i = 0; i < delivery->count; i++)
    items[i] = *item_at (delivery, i);
  free (delivery->items);
  delivery->items = items;
  delivery->first = 0;
  delivery->allocated = wanted;
  return true;
}

/* Whether it goes on where the last one ends.  The lock is held. */
static bool
lengthen_last (struct delivery *delivery, const struct delivery_item *item)
{
  struct delivery_item *last =
      delivery->count ? item_at (delivery, delivery->count - 1) : NULL;

  if (last == NULL || last->export != item->export ||
      last->kind != item->kind || last->offset + last->length != item->offset ||
      item->last - last->first > ITEM_BYTES)
    return false;
  last->length += item->length;
  last->last = item->last;
  return true;
}

static void
send_item (struct delivery *delivery, struct delivered_export *export,
           enum delivery_kind kind, uint64_t offset, uint64_t length)
{
  LOCK_IN_SCOPE (&delivery->lock);
  const uint64_t written = delivery->stream->written;
  const struct delivery_item item = { export, kind,    offset,
                                      length, written, written };

  if (!lengthen_last (delivery, &item)) {
    if (make_room (delivery))
      *item_at (delivery, delivery->count++) = item;
    else
      forget (export);
  }
  if (written >= delivery->look_at)
    look (delivery);
}

void
delivery_read (struct delivery *delivery, uint64_t offset, uint64_t length)
{
  if (delivery->export)
    send_item (delivery, delivery->export, DELIVERED_READ, offset, length);
}

void
delivery_told (struct delivery *delivery, const char *source,
               const struct export_info *info, uint64_t offset, uint64_t length)
{
  struct delivered_export *export =
      delivered_export (delivery->delivered, source, info);

  if (export)
    send_item (delivery, export, DELIVERED_TOLD, offset, length);
}

void
delivery_confirm (struct delivery *delivery)
{
  LOCK_IN_SCOPE (&delivery->lock);
  while (delivery->count > 0)
    receive_first (delivery);
}

void
delivery_end (struct delivery *delivery)
{
  {
    LOCK_IN_SCOPE (&delivery->delivered->lock);
    *delivery->place = delivery->next;
    if (delivery->next)
      delivery->next->place = delivery->place;
  }
  atomic_fetch_add (&delivery->delivered->budget,
                    delivery->allocated * ITEM_RUNS);
  free (delivery->items);
  pthread_mutex_destroy (&delivery->lock);
}

void
delivered_add_provisional (struct delivered *delivered,
                           const struct delivered_export *export,
                           struct runs *runs)
{
  LOCK_IN_SCOPE (&delivered->lock);
  for (struct delivery *delivery = delivered->deliveries; delivery;
       delivery = delivery->next) {
    LOCK_IN_SCOPE (&delivery->lock);

    for (size_t i = 0; i < delivery->count; i++) {
      const struct delivery_item *item = item_at (delivery, i);

      if (item->export == export && item->kind == DELIVERED_READ)
        runs_add (runs, item->offset, item->length);
    }
  }
}
