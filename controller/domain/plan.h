/* SPDX-License-Identifier: BSD-3-Clause */
/* Turns a request (documents, catalogue, what QEMU reports) into what a capture
 * is to do: which disks, from which base, with which change maps. */

#ifndef PULLBACK_PLAN_H
#define PULLBACK_PLAN_H

#include <stdbool.h>

#include <json-c/json.h>

#include "controller/capture/capture.h"
#include "controller/catalogue/catalogue.h"
#include "controller/domain/plan-scratch.h"
#include "controller/formats/formats.h"

struct plan_disk {
  const struct disk *disk; /* the inventory's */
  char *export_name;
  char *export_bitmap; /* leaf of the context for the incremental base */
  char *scratch;
  char *new_bitmap;        /* NULL: the new checkpoint leaves it out */
  char *incremental;       /* the base; NULL: full */
  char *fallback;          /* why it is full though a base was named */
  const char *base_bitmap; /* of 'incremental', recording; the catalogue's */
  const struct backup_disk *requested;    /* completed */
  struct capture_change_map *change_maps; /* strings are the catalogue's */
  size_t nr_change_maps;
  bool changes_only; /* nothing else can be pulled */
};

struct plan {
  struct backup *backup;         /* the request with what was chosen */
  struct checkpoint *checkpoint; /* provisional; NULL: none is made */
  struct disk_list *inventory;
  struct checkpoint_list *retained;
  struct plan_disk *disks;
  size_t nr_disks;
  uint64_t scratch_limit; /* bytes of all scratch files; 0: none */
};

struct plan_request {
  const char *state; /* the state folder */
  const struct domain_record *domain;
  struct scratch_request scratch;
  bool reuse_external; /* targets of a push are there already */
  bool changes_only;   /* of disks that have a base */
};

/* Consumes 'backup', 'checkpoint' (NULL: none) and 'inventory'.  NULL:
 * reported. */
struct plan *plan_new (const struct plan_request *request,
                       struct backup *backup, struct checkpoint *checkpoint,
                       struct disk_list *inventory);
/* Writes into the journal what plan_restore needs.  -1: reported. */
int plan_record (const struct plan *plan, json_object *json);
/* The plan that was recorded; consumes 'inventory', in which its disks must be
 * the same.  NULL: reported. */
struct plan *plan_restore (const char *state,
                           const struct domain_record *domain,
                           struct disk_list *inventory, json_object *json);
void plan_free (struct plan *plan);

/* Where a disk's data go: pull and push differ. */
struct plan_steps {
  /* Completes what the document leaves open, so that the document that is given
   * back says it. */
  int (*complete) (const struct plan *plan, const struct plan_request *request,
                   struct backup_disk *requested, struct plan_disk *disk);
  /* Whether the disks get along. */
  int (*check) (const struct plan *plan, const struct plan_request *request);
};
extern const struct plan_steps plan_pull;
extern const struct plan_steps plan_push;

/* A copy, unless there is a text already. */
int plan_set_text (char **to, const char *text);

/* Completes a checkpoint request: a name from the time unless it has one, the
 * parent, and one entry for each disk of the inventory.  A disk that is named
 * but cannot keep a bitmap is an error, one that is not named is left out.
 * -1: reported. */
int plan_checkpoint (const struct plan_request *request,
                     struct checkpoint *checkpoint,
                     struct disk_list *inventory);

/* Steps of it, for a checkpoint whose bitmaps are there already: a disk that it
 * names must exist and be able to keep a bitmap; those that it does not name
 * are added, included only if it names none and they can be; and every disk
 * gets the name of its bitmap, which must not be another checkpoint's. */
int plan_check_disk (struct checkpoint_disk *entry,
                     struct disk_list *inventory);
int plan_add_disks (struct checkpoint *checkpoint,
                    const struct disk_list *inventory);
int plan_name_bitmaps (const struct plan_request *request,
                       const struct checkpoint_list *retained,
                       struct checkpoint *checkpoint);

/* The disk that a request means by *name: a disk's name, or the path of its
 * image, which is replaced by the name then.  NULL: reported. */
const struct disk *plan_find_disk (struct disk_list *inventory, char **name);

/* The bitmap that a checkpoint has on a disk; NULL: it does not cover it. */
const char *checkpoint_bitmap (const struct checkpoint *checkpoint,
                               const char *disk);

static inline void
cleanup_plan_free (struct plan **plan)
{
  plan_free (*plan);
}
#define CLEANUP_PLAN __attribute__ ((cleanup (cleanup_plan_free)))

#endif /* PULLBACK_PLAN_H */
