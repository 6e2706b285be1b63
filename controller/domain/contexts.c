/* SPDX-License-Identifier: BSD-3-Clause */
/* Names a backup's metadata contexts: the incremental base as libvirt's clients
 * expect it, and the generation of every base. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "controller/common/error.h"
#include "controller/domain/contexts.h"
#include "controller/domain/generation.h"

void
contexts_clear (struct contexts *contexts)
{
  size_t i;

  for (i = 0; i < contexts->count; i++) {
    free ((char *) contexts->list[i].name);
    free ((char *) contexts->list[i].view);
  }
  free (contexts->list);
}

static char *
name_view (const struct plan_disk *disk, const char *checkpoint)
{
  char *view;

  if (asprintf (&view, "%s@%s", disk->export_name, checkpoint) != -1)
    return view;
  fail_errno (ERROR_SYSTEM, "the name of a view");
  return NULL;
}

/* Takes over the name; NULL: out of memory. */
static int
add (struct contexts *contexts, const struct plan_disk *disk,
     const char *checkpoint, char *name)
{
  struct datapath_context *context = &contexts->list[contexts->count++];

  context->export_name = disk->export_name;
  context->name = name;
  context->view = name_view (disk, checkpoint);
  if (name == NULL)
    return fail_errno (ERROR_SYSTEM, "metadata contexts");
  return context->view ? 0 : -1;
}

static int
add_base (struct contexts *contexts, const struct plan_disk *disk)
{
  char *name;

  if (disk->incremental == NULL)
    return 0;
  if (asprintf (&name, "qemu:dirty-bitmap:%s", disk->export_bitmap) == -1)
    name = NULL;
  return add (contexts, disk, disk->incremental, name);
}

/* The same changes as pullback:since:monday, under a name that no other
 * "monday" ever has: a client that asks for the one it knew gets it, or
 * nothing. */
static int
add_generations (struct contexts *contexts, const struct plan *plan,
                 const struct plan_disk *disk)
{
  size_t i;

  for (i = 0; i < disk->nr_change_maps; i++) {
    const char *checkpoint = disk->change_maps[i].checkpoint;
    const struct checkpoint *known =
        checkpoint_list_find (plan->retained, checkpoint);
    char *name;

    if (known == NULL || known->generation == NULL)
      continue;
    if (asprintf (&name, "pullback:generation:%s:%s", checkpoint,
                  generation_digest (known->generation).text) == -1)
      name = NULL;
    if (add (contexts, disk, checkpoint, name) == -1)
      return -1;
  }
  return 0;
}

int
contexts_of (const struct plan *plan, struct contexts *contexts)
{
  size_t room = 0, i;

  for (i = 0; i < plan->nr_disks; i++)
    room += 1 + plan->disks[i].nr_change_maps;
  contexts->list = calloc (room + 1, sizeof *contexts->list);
  if (contexts->list == NULL)
    return fail_errno (ERROR_SYSTEM, "metadata contexts");
  for (i = 0; i < plan->nr_disks; i++)
    /* They are of the main export. */
    if (!plan->disks[i].changes_only &&
        (add_base (contexts, &plan->disks[i]) == -1 ||
         add_generations (contexts, plan, &plan->disks[i]) == -1))
      return -1;
  return 0;
}
