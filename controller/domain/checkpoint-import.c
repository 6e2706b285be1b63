/* SPDX-License-Identifier: BSD-3-Clause */
/* The operation that makes checkpoints of bitmaps that nobody here knows:
 * libvirt's, or those of a Pullback that has lost its state. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/change.h"
#include "controller/domain/generation.h"
#include "controller/domain/images.h"
#include "controller/domain/json.h"
#include "controller/domain/other-bitmaps.h"
#include "controller/domain/plan.h"
#include "controller/formats/names.h"

/* A checkpoint to be: all unknown bitmaps of one name. */
struct candidate {
  const char *name; /* a bitmap's */
  uint64_t changes; /* bytes, on all disks */
  size_t age;       /* QEMU lists a bitmap the later, the older it is */
  size_t nr_disks;  /* that have it */
  bool asked_for;   /* by its name */
  char *refused;    /* why it cannot be imported; NULL: it can */
};

struct import {
  const char *state;
  struct change *change;
  struct candidate *candidates;
  size_t nr_candidates;
};

static void
import_clear (struct import *import)
{
  size_t i;

  for (i = 0; i < import->nr_candidates; i++)
    free (import->candidates[i].refused);
  free (import->candidates);
}
#define CLEANUP_IMPORT __attribute__ ((cleanup (import_clear)))

static struct candidate *
find (struct import *import, const char *name)
{
  size_t i;

  for (i = 0; i < import->nr_candidates; i++)
    if (strcmp (import->candidates[i].name, name) == 0)
      return &import->candidates[i];
  return NULL;
}

static struct candidate *
find_or_add (struct import *import, const char *name)
{
  struct candidate *found = find (import, name), *grown;

  if (found)
    return found;
  grown = reallocarray (import->candidates, import->nr_candidates + 1,
                        sizeof *grown);
  if (grown == NULL) {
    fail_errno (ERROR_SYSTEM, "import");
    return NULL;
  }
  import->candidates = grown;
  grown += import->nr_candidates++;
  *grown = (struct candidate){ .name = name };
  return grown;
}

/* As if those in backing images were merged, which they are as soon as it is
 * imported. */
static const char *
unusable_when_merged (const struct disk *disk, struct disk_bitmap *bitmap)
{
  bool merged = bitmap->merged;
  const char *why;

  bitmap->merged = true;
  why = disk_bitmap_unusable (disk, bitmap->name);
  bitmap->merged = merged;
  return why;
}

/* Why a bitmap cannot be part of a checkpoint; NULL: it can. */
static const char *
refusal (const struct import *import, const struct disk *disk,
         struct disk_bitmap *bitmap)
{
  if (name_check ("checkpoint", bitmap->name) == -1)
    return error_message ();
  if (checkpoint_list_find (import->change->now.checkpoints, bitmap->name))
    return "there is a checkpoint of this name, which does not cover this disk";
  if (!bitmap->persistent)
    return "it is not persistent, but somebody's for the time being";
  return unusable_when_merged (disk, bitmap);
}

static int
add (struct import *import, struct disk *disk, size_t index)
{
  struct disk_bitmap *bitmap = &disk->bitmaps[index];
  struct candidate *candidate = find_or_add (import, bitmap->name);
  const char *why;

  if (candidate == NULL)
    return -1;
  candidate->nr_disks++;
  candidate->changes += bitmap->count;
  if (candidate->age < index)
    candidate->age = index;
  why = candidate->refused ? NULL : refusal (import, disk, bitmap);
  if (why &&
      asprintf (&candidate->refused, "disk '%s': %s", disk->name, why) == -1) {
    candidate->refused = NULL;
    return fail_errno (ERROR_SYSTEM, "import");
  }
  return 0;
}

static int
find_candidates (struct import *import)
{
  struct disk_list *disks = import->change->now.disks;
  size_t d, i;

  for (d = 0; d < disks->nr_disks; d++) {
    struct disk *disk = &disks->disks[d];

    for (i = 0; i < disk->nr_bitmaps; i++)
      if (is_other_bitmap (import->change->now.checkpoints, disk,
                           disk->bitmaps[i].name) &&
          add (import, disk, i) == -1)
        return -1;
  }
  return 0;
}

/* Each bitmap records since its checkpoint, so that the older one has at least
 * the changes of the younger; where that does not tell, QEMU's order does. */
static int
compare_age (const void *left, const void *right)
{
  const struct candidate *l = left, *r = right;

  if (l->changes != r->changes)
    return l->changes > r->changes ? -1 : 1;
  if (l->age != r->age)
    return l->age > r->age ? -1 : 1;
  return strcmp (l->name, r->name);
}

/* Only those that the request names, each of which must be there and usable. */
static int
choose (struct import *import, json_object *body)
{
  json_object *names;
  size_t i, count;

  if (!json_object_object_get_ex (body, "names", &names) || names == NULL)
    return 0;
  if (!json_object_is_type (names, json_type_array))
    return fail (ERROR_INVALID, "'names' of the request must be a list");
  count = json_object_array_length (names);
  for (i = 0; i < count; i++) {
    json_object *item = json_object_array_get_idx (names, i);
    const char *name = json_object_is_type (item, json_type_string)
                           ? json_object_get_string (item)
                           : "";
    struct candidate *candidate = find (import, name);

    if (candidate == NULL)
      return fail (ERROR_NOT_FOUND,
                   "no disk of the domain has a bitmap '%s' that is not of a "
                   "checkpoint already; 'pullback domain-info' shows those "
                   "there are",
                   name);
    if (candidate->refused)
      return fail (ERROR_CONFLICT, "bitmap '%s' cannot be imported: %s", name,
                   candidate->refused);
    candidate->asked_for = true;
  }
  for (i = 0; i < import->nr_candidates; i++) {
    struct candidate *candidate = &import->candidates[i];

    if (!candidate->refused && !candidate->asked_for &&
        !(candidate->refused = strdup ("it was not asked for")))
      return fail_errno (ERROR_SYSTEM, "import");
  }
  return 0;
}

/* The metadata as far as the bitmaps tell. */
static struct checkpoint *
rebuild (const struct import *import, const struct candidate *candidate,
         const char *parent)
{
  const struct disk_list *disks = import->change->now.disks;
  CLEANUP_CHECKPOINT struct checkpoint *checkpoint =
      calloc (1, sizeof *checkpoint);
  size_t i;

  if (checkpoint == NULL ||
      !(checkpoint->disks =
            calloc (disks->nr_disks + 1, sizeof *checkpoint->disks)) ||
      !(checkpoint->name = strdup (candidate->name)) ||
      !(checkpoint->domain_name = strdup (import->change->record->name)) ||
      (parent && !(checkpoint->parent = strdup (parent)))) {
    fail_errno (ERROR_SYSTEM, "checkpoint '%s'", candidate->name);
    return NULL;
  }
  checkpoint->generation = generation_new ();
  if (checkpoint->generation == NULL)
    return NULL;
  for (i = 0; i < disks->nr_disks; i++) {
    struct checkpoint_disk *entry = &checkpoint->disks[i];
    const struct disk *disk = &disks->disks[i];

    entry->size = -1;
    entry->included = disk_bitmap (disk, candidate->name) &&
                      is_other_bitmap (import->change->now.checkpoints, disk,
                                       candidate->name);
    entry->name = strdup (disk->name);
    if (entry->included)
      entry->bitmap = strdup (candidate->name);
    checkpoint->nr_disks++;
    if (entry->name == NULL || (entry->included && entry->bitmap == NULL)) {
      fail_errno (ERROR_SYSTEM, "checkpoint '%s'", candidate->name);
      return NULL;
    }
  }
  return images_set (checkpoint, import->change->now.disks) == 0
             ? STEAL (checkpoint)
             : NULL;
}

/* As a chain of their own, from the oldest on; the last becomes current where
 * nothing is. */
static int
store_chain (const struct import *import)
{
  const char *domain = import->change->record->name, *parent = NULL;
  CLEANUP_FREE char *current = NULL;
  size_t i;

  for (i = 0; i < import->nr_candidates; i++) {
    const struct candidate *candidate = &import->candidates[i];
    CLEANUP_CHECKPOINT struct checkpoint *checkpoint = NULL;

    if (candidate->refused)
      continue;
    checkpoint = rebuild (import, candidate, parent);
    if (checkpoint == NULL ||
        catalogue_add_checkpoint (import->state, domain, checkpoint) == -1)
      return -1;
    parent = candidate->name;
  }
  error_clear ();
  current = catalogue_current (import->state, domain);
  if (current == NULL && error_kind () != ERROR_NONE)
    return -1;
  return current || !parent
             ? 0
             : catalogue_set_current (import->state, domain, parent);
}

/* Metadata only, and the youngest first: the bitmaps are as they were. */
static int
forget_chain (const struct import *import)
{
  CLEANUP_FREE char *why = strdup (error_message ());
  enum error_kind kind = error_kind ();
  size_t i;

  for (i = import->nr_candidates; i-- > 0;)
    if (!import->candidates[i].refused)
      catalogue_remove_checkpoint (import->state, import->change->record->name,
                                   import->candidates[i].name);
  return fail (kind, "%s", why ? why : "out of memory");
}

static void
tell_chain (const struct import *import)
{
  size_t i;

  for (i = 0; i < import->nr_candidates; i++)
    if (!import->candidates[i].refused)
      event_tell_created (import->change->entry->events,
                          import->change->record->name,
                          import->candidates[i].name, "import");
}

static json_object *
describe (const struct import *import)
{
  json_object *reply = json_object_new_object ();
  json_object *imported = json_object_new_array ();
  json_object *skipped = json_object_new_array ();
  size_t i;

  for (i = 0; i < import->nr_candidates; i++) {
    const struct candidate *candidate = &import->candidates[i];
    json_object *json = json_object_new_object ();

    json_add_text (json, "name", candidate->name);
    json_add_number (json, "disks", candidate->nr_disks);
    json_add_number (json, "size", candidate->changes);
    if (candidate->refused)
      json_add_text (json, "reason", candidate->refused);
    json_object_array_add (candidate->refused ? skipped : imported, json);
  }
  json_object_object_add (reply, "imported", imported);
  json_object_object_add (reply, "skipped", skipped);
  return reply;
}

int
operation_checkpoint_import (struct service *service,
                             const struct operation_request *request,
                             json_object **reply)
{
  CLEANUP_CHANGE struct change change = { 0 };
  CLEANUP_IMPORT struct import import = { .state = service->state,
                                          .change = &change };
  bool dry_run;

  if (json_get_bool (request->body, "dry_run", &dry_run) == -1 ||
      change_begin (service, request->domain, &change) == -1 ||
      find_candidates (&import) == -1 || choose (&import, request->body) == -1)
    return -1;
  if (import.nr_candidates)
    qsort (import.candidates, import.nr_candidates, sizeof *import.candidates,
           compare_age);
  if (!dry_run && store_chain (&import) == -1)
    return forget_chain (&import);
  if (!dry_run)
    tell_chain (&import);
  *reply = describe (&import);
  return 0;
}
