/* SPDX-License-Identifier: BSD-3-Clause */
/* The operation that deletes checkpoints: one, its descendants, or both; with
 * their bitmaps or only the metadata. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/bitmaps.h"
#include "controller/domain/change.h"
#include "controller/domain/family.h"
#include "controller/domain/json.h"

/* Those that are to go, of a list; ends with NULL, both ways. */
struct deletion {
  const struct checkpoint **checkpoints;
  const char **names;
  size_t count;
};

static void
deletion_clear (struct deletion *deletion)
{
  free (deletion->checkpoints);
  free (deletion->names);
}
#define CLEANUP_DELETION __attribute__ ((cleanup (deletion_clear)))

static int
choose (const struct checkpoint_list *list,
        const struct operation_request *request, struct deletion *deletion)
{
  CLEANUP_FREE bool *descendants =
      family_descendants (list, request->checkpoint);
  size_t root = checkpoint_list_index (list, request->checkpoint), i;

  deletion->checkpoints =
      calloc (list->nr_checkpoints + 1, sizeof *deletion->checkpoints);
  deletion->names = calloc (list->nr_checkpoints + 1, sizeof *deletion->names);
  if (descendants == NULL || !deletion->checkpoints || !deletion->names)
    return fail_errno (ERROR_SYSTEM, "checkpoints");
  for (i = 0; i < list->nr_checkpoints; i++) {
    if (i == root
            ? request->options & OPTION_CHILDREN_ONLY
            : !descendants[i] || !(request->options &
                                   (OPTION_CHILDREN | OPTION_CHILDREN_ONLY)))
      continue;
    deletion->checkpoints[deletion->count] = list->by_name[i];
    deletion->names[deletion->count++] = list->by_name[i]->name;
  }
  return 0;
}

/* A removal that QEMU refused has changed nothing, and they are spared; after
 * one that was done in part, or may have been, they stay doomed. */
static int
spare_if_whole (const char *state, struct change *change,
                const struct deletion *deletion, int before)
{
  const char *domain = change->record->name;
  CLEANUP_FREE char *why = strdup (error_message ());
  enum error_kind kind = error_kind ();

  if (bitmaps_count (change->qmp, deletion->checkpoints, change->record) ==
          before &&
      catalogue_spare (state, domain) == 0)
    return fail (kind, "%s", why ? why : "out of memory");
  return fail (kind,
               "%s (it goes on when a verb on domain '%s' is given again)",
               why ? why : "out of memory", domain);
}

/* From when they are doomed they are to be gone, whatever happens: who comes
 * next goes on where this was ended. */
static int
delete_whole (const char *state, struct change *change,
              const struct deletion *deletion)
{
  const char *domain = change->record->name;
  int before =
      bitmaps_count (change->qmp, deletion->checkpoints, change->record);

  if (before == -1 || catalogue_doom (state, domain, deletion->names) == -1)
    return -1;
  if (bitmaps_remove (change->qmp, deletion->checkpoints, change->record) == -1)
    return spare_if_whole (state, change, deletion, before);
  if (catalogue_remove_checkpoints (state, domain, deletion->names) == -1)
    return -1;
  return catalogue_spare (state, domain);
}

/* Those whose metadata are forgotten are not doomed any more. */
static int
forget (const char *state, const char *domain, const struct deletion *deletion)
{
  CLEANUP_NAME_LIST name_list doomed = catalogue_doomed (state, domain);
  CLEANUP_FREE const char **left = NULL;
  size_t count = 0, i, j;

  if (doomed == NULL ||
      catalogue_remove_checkpoints (state, domain, deletion->names) == -1)
    return -1;
  for (i = 0; doomed[i]; i++)
    ;
  if (i == 0)
    return 0;
  left = calloc (i + 1, sizeof *left);
  if (left == NULL)
    return fail_errno (ERROR_SYSTEM, "checkpoints");
  for (i = 0; doomed[i]; i++) {
    for (j = 0; deletion->names[j]; j++)
      if (strcmp (deletion->names[j], doomed[i]) == 0)
        break;
    if (deletion->names[j] == NULL)
      left[count++] = doomed[i];
  }
  return count ? catalogue_doom (state, domain, left)
               : catalogue_spare (state, domain);
}

static int delete (struct service *service,
                   const struct operation_request *request,
                   struct deletion *deletion)
{
  CLEANUP_CHANGE struct change change = { 0 };
  CLEANUP_CHECKPOINT struct checkpoint *root = NULL;
  bool metadata = request->options & OPTION_METADATA;

  if ((metadata ? change_begin_offline
                : change_begin) (service, request->domain, &change) == -1)
    return -1;
  if (metadata)
    change.now.checkpoints =
        catalogue_checkpoints (service->state, request->domain);
  root = catalogue_checkpoint (service->state, request->domain,
                               request->checkpoint);
  if (change.now.checkpoints == NULL || root == NULL ||
      choose (change.now.checkpoints, request, deletion) == -1)
    return -1;
  if (deletion->count == 0)
    return 0;
  if ((metadata ? forget (service->state, request->domain, deletion)
                : delete_whole (service->state, &change, deletion)) == -1)
    return -1;
  event_tell_deleted (service->events, request->domain, deletion->names,
                      metadata);
  return 0;
}

int
operation_checkpoint_delete (struct service *service,
                             const struct operation_request *request,
                             json_object **reply)
{
  CLEANUP_DELETION struct deletion deletion = { 0 };

  if (request->options & OPTION_CHILDREN &&
      request->options & OPTION_CHILDREN_ONLY)
    return fail (ERROR_INVALID,
                 "'children' and 'children_only' exclude each other");
  if (delete (service, request, &deletion) == -1)
    return -1;
  *reply = json_object_new_object ();
  json_add_number (*reply, "deleted", (int64_t) deletion.count);
  return 0;
}
