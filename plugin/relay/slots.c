/* SPDX-License-Identifier: BSD-3-Clause */
/* The reads in flight of one connection, numbered for the server. */

#include "config.h"

#include <endian.h>

#include "common/cleanup.h"
#include "plugin/relay/transmission.h"

/* The lock is held; there is a free one. */
static unsigned
free_slot (const struct transmission *transmission)
{
  unsigned i = 0;

  while (transmission->slots[i].used)
    i++;
  return i;
}

/* One read alone is always admitted.  The lock is held. */
static bool
is_full (const struct transmission *transmission, uint32_t length)
{
  const struct configuration *configuration =
      transmission->connection->relay->configuration;

  return transmission->in_flight >= configuration->requests_in_flight ||
         (transmission->in_flight > 0 &&
          transmission->bytes_in_flight + length >
              configuration->bytes_in_flight);
}

enum slot_result
slots_take (struct transmission *transmission, const struct slot *read,
            uint64_t *upstream_cookie)
{
  struct slot *slot;
  uint32_t generation;
  unsigned i;

  LOCK_IN_SCOPE (&transmission->lock);
  while (is_full (transmission, slot_payload (read)) &&
         !transmission->client_gone && !transmission->upstream_gone)
    pthread_cond_wait (&transmission->changed, &transmission->lock);
  if (transmission->client_gone)
    return SLOT_CLIENT_GONE;
  if (transmission->upstream_gone)
    return SLOT_UPSTREAM_GONE;

  i = free_slot (transmission);
  slot = &transmission->slots[i];
  generation = slot->generation + 1;
  *slot = *read;
  slot->used = true;
  slot->generation = generation;
  if (slot->split)
    slot->split->pieces++;
  transmission->in_flight++;
  transmission->bytes_in_flight += slot_payload (read);
  *upstream_cookie = (uint64_t) generation << 32 | i;
  return SLOT_TAKEN;
}

bool
slots_find (struct transmission *transmission, uint64_t upstream_cookie,
            struct slot *read)
{
  const uint32_t i = upstream_cookie;

  LOCK_IN_SCOPE (&transmission->lock);
  if (i >= SLOTS || !transmission->slots[i].used ||
      transmission->slots[i].generation != upstream_cookie >> 32)
    return false;
  *read = transmission->slots[i];
  return true;
}

static void
release (struct transmission *transmission, struct slot *slot)
{
  slot->used = false;
  transmission->in_flight--;
  transmission->bytes_in_flight -= slot_payload (slot);
  pthread_cond_signal (&transmission->changed);
}

void
slots_release (struct transmission *transmission, uint64_t upstream_cookie)
{
  LOCK_IN_SCOPE (&transmission->lock);
  release (transmission, &transmission->slots[(uint32_t) upstream_cookie]);
}

bool
slots_abandon (struct transmission *transmission, struct slot *read)
{
  LOCK_IN_SCOPE (&transmission->lock);
  for (unsigned i = 0; i < SLOTS; i++)
    if (transmission->slots[i].used) {
      *read = transmission->slots[i];
      release (transmission, &transmission->slots[i]);
      return true;
    }
  return false;
}

void
slots_upstream_gone (struct transmission *transmission)
{
  LOCK_IN_SCOPE (&transmission->lock);
  transmission->upstream_gone = true;
  pthread_cond_signal (&transmission->changed);
}

void
slots_client_gone (struct transmission *transmission)
{
  LOCK_IN_SCOPE (&transmission->lock);
  transmission->client_gone = true;
  pthread_cond_signal (&transmission->changed);
}

bool
slots_busy (struct transmission *transmission)
{
  LOCK_IN_SCOPE (&transmission->lock);
  return transmission->in_flight > 0;
}

bool
slots_drain (struct transmission *transmission)
{
  bool any;

  LOCK_IN_SCOPE (&transmission->lock);
  any = transmission->in_flight > 0;
  while (transmission->in_flight > 0)
    pthread_cond_wait (&transmission->changed, &transmission->lock);
  return any && !transmission->client_gone;
}
