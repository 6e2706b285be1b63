/* SPDX-License-Identifier: BSD-3-Clause */
/* Redefines checkpoints: checks a document that says what is there already. */

#include <config.h>

#include <ctype.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/checkpoint-redefine.h"
#include "controller/domain/family.h"
#include "controller/domain/generation.h"
#include "controller/domain/health.h"
#include "controller/domain/images.h"
#include "controller/domain/json.h"
#include "controller/domain/plan.h"
#include "controller/formats/names.h"

static bool
covers_all_of (const struct checkpoint *left, const struct checkpoint *right)
{
  size_t i;

  for (i = 0; i < right->nr_disks; i++) {
    const char *name = right->disks[i].name;
    const char *wanted = checkpoint_bitmap (right, name);
    const char *bitmap = checkpoint_bitmap (left, name);

    if (wanted && (bitmap == NULL || strcmp (bitmap, wanted) != 0))
      return false;
  }
  return true;
}

bool
checkpoint_same_disks (const struct checkpoint *left,
                       const struct checkpoint *right)
{
  return covers_all_of (left, right) && covers_all_of (right, left);
}

static int
check_family (const struct checkpoint_list *list,
              const struct checkpoint *checkpoint)
{
  CLEANUP_FREE bool *descendants = NULL;
  size_t parent = checkpoint_list_index (list, checkpoint->parent);

  if (checkpoint->parent == NULL)
    return 0;
  if (parent == list->nr_checkpoints)
    return fail (ERROR_NOT_FOUND,
                 "the parent '%s' of checkpoint '%s' does not exist; redefine "
                 "a chain from its root on",
                 checkpoint->parent, checkpoint->name);
  descendants = family_descendants (list, checkpoint->name);
  if (descendants == NULL)
    return -1;
  if (descendants[parent])
    return fail (ERROR_INVALID,
                 "checkpoint '%s' cannot have the parent '%s', which descends "
                 "from it: that would be a cycle",
                 checkpoint->name, checkpoint->parent);
  return 0;
}

/* Whether two UUIDs are the same, with hyphens or without. */
static bool
same_uuid (const char *left, const char *right)
{
  for (;; left++, right++) {
    left += *left == '-';
    right += *right == '-';
    if (tolower ((unsigned char) *left) != tolower ((unsigned char) *right))
      return false;
    if (*left == '\0')
      return true;
  }
}

/* A document of another domain's checkpoint, where both are known: a QEMU that
 * was given no UUID has zeroes. */
static int
check_domain (struct change *change, const struct checkpoint *checkpoint)
{
  CLEANUP_JSON json_object *answer = NULL;
  const char *uuid;

  if (checkpoint->domain_uuid == NULL)
    return 0;
  if (qmp_execute (change->qmp, "query-uuid", NULL, &answer) < 0 ||
      json_get_text (answer, "UUID", &uuid) == -1)
    return -1;
  if (uuid && uuid[strspn (uuid, "0-")] != '\0' &&
      !same_uuid (uuid, checkpoint->domain_uuid))
    return fail (ERROR_CONFLICT,
                 "checkpoint '%s' is of the domain with the UUID %s; domain "
                 "'%s' has %s",
                 checkpoint->name, checkpoint->domain_uuid,
                 change->record->name, uuid);
  return 0;
}

static int
check_disks (struct change *change, struct checkpoint *checkpoint)
{
  size_t i;

  if (checkpoint->nr_disks == 0)
    return fail (ERROR_INVALID,
                 "checkpoint '%s' is to be redefined, but <disks> does not say "
                 "which disks it covers",
                 checkpoint->name);
  for (i = 0; i < checkpoint->nr_disks; i++) {
    if (plan_check_disk (&checkpoint->disks[i], change->now.disks) == -1)
      return fail_prefix ("checkpoint '%s'", checkpoint->name);
    checkpoint->disks[i].size = -1;
  }
  return plan_add_disks (checkpoint, change->now.disks);
}

static int
check_bitmaps (struct change *change, const struct checkpoint *checkpoint)
{
  CLEANUP_FREE char *why = checkpoint_health (checkpoint, change->now.disks);

  if (why)
    return fail (ERROR_CONFLICT, "checkpoint '%s' cannot be used: %s",
                 checkpoint->name, why);
  return 0;
}

/* Without a look at the bitmaps, what was known of their images stays. */
static int
keep_images (struct checkpoint *checkpoint, const struct checkpoint *known)
{
  size_t i;

  for (i = 0; i < known->nr_images; i++)
    if (image_add (checkpoint, known->images[i].disk, known->images[i].file) ==
        -1)
      return -1;
  return 0;
}

/* What it keeps of the one of its name, or gets as a new one. */
static int
complete (struct change *change, struct checkpoint *checkpoint,
          const struct checkpoint *known)
{
  const char *generation = known ? known->generation : NULL;

  if (known && !checkpoint_same_disks (known, checkpoint))
    return fail (ERROR_CONFLICT,
                 "checkpoint '%s' exists and covers other disks or bitmaps; "
                 "'pullback checkpoint-delete %s %s --metadata' forgets it",
                 checkpoint->name, change->record->name, checkpoint->name);
  if (generation) {
    free (checkpoint->generation);
    checkpoint->generation = strdup (generation);
  }
  else if (checkpoint->generation == NULL)
    checkpoint->generation = generation_new ();
  free (checkpoint->domain_name);
  checkpoint->domain_name = strdup (change->record->name);
  return checkpoint->generation && checkpoint->domain_name
             ? 0
             : fail_errno (ERROR_SYSTEM, "checkpoint");
}

/* A chain that is redefined from its root on ends with a current checkpoint. */
static int
move_current (const char *state, const struct change *change,
              const struct checkpoint *checkpoint)
{
  const char *domain = change->record->name;
  CLEANUP_FREE char *current = NULL;

  error_clear ();
  current = catalogue_current (state, domain);
  if (current == NULL && error_kind () != ERROR_NONE)
    return -1;
  if (current &&
      (!checkpoint->parent || strcmp (checkpoint->parent, current) != 0))
    return 0;
  return catalogue_set_current (state, domain, checkpoint->name);
}

static int
store (const char *state, const struct change *change,
       const struct checkpoint *checkpoint, bool known)
{
  const char *domain = change->record->name;

  if (known)
    return catalogue_replace_checkpoint (state, domain, checkpoint);
  if (catalogue_add_checkpoint (state, domain, checkpoint) == -1)
    return -1;
  if (move_current (state, change, checkpoint) == 0)
    return 0;
  CLEANUP_FREE char *why = strdup (error_message ());
  catalogue_remove_checkpoint (state, domain, checkpoint->name);
  return fail (ERROR_SYSTEM, "%s", why ? why : "out of memory");
}

int
checkpoint_redefine (const char *state, struct change *change,
                     struct checkpoint *checkpoint, bool validate)
{
  const struct plan_request plan = { .state = state, .domain = change->record };
  const struct checkpoint_list *list = change->now.checkpoints;
  const struct checkpoint *known;

  if (name_check ("checkpoint", checkpoint->name) == -1 ||
      check_family (list, checkpoint) == -1 ||
      check_domain (change, checkpoint) == -1 ||
      check_disks (change, checkpoint) == -1 ||
      plan_name_bitmaps (&plan, list, checkpoint) == -1)
    return -1;
  known = checkpoint_list_find (list, checkpoint->name);
  if (complete (change, checkpoint, known) == -1 ||
      (known && !validate ? keep_images (checkpoint, known)
                          : images_set (checkpoint, change->now.disks)) == -1 ||
      (validate && check_bitmaps (change, checkpoint) == -1))
    return -1;
  return store (state, change, checkpoint, known != NULL);
}
