/* SPDX-License-Identifier: BSD-3-Clause */
/* The operations on checkpoints that show and make them: list, info, create. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/catalogue/catalogue.h"
#include "controller/common/error.h"
#include "controller/domain/bitmaps.h"
#include "controller/domain/change.h"
#include "controller/domain/checkpoint-redefine.h"
#include "controller/domain/family.h"
#include "controller/domain/health.h"
#include "controller/domain/json.h"
#include "controller/domain/monitor.h"
#include "controller/domain/plan.h"
#include "controller/domain/quiesce.h"

/* What is known of a domain's checkpoints. */
struct view {
  struct domain_entry *entry;
  struct reconciled now; /* without disks if QEMU cannot be asked */
  char *unknown;         /* why it cannot; NULL: it can */
  name_list doomed;
  char *current;
};

static void
view_clear (struct view *view)
{
  name_list_free (view->doomed);
  free (view->current);
  free (view->unknown);
  reconciled_clear (&view->now);
  cleanup_domain_entry_unlock (&view->entry);
}
#define CLEANUP_VIEW __attribute__ ((cleanup (view_clear)))

/* Reconciles where QEMU can be reached: a list must not hide what is broken. */
static int
look (struct service *service, const char *domain, struct view *view)
{
  CLEANUP_DOMAIN_RECORD struct domain_record *record = NULL;
  CLEANUP_QMP struct qmp *opened = NULL;
  struct reconcile_request request = { .state = service->state };

  view->entry = service_lock_domain (service, domain);
  record = view->entry ? catalogue_domain (service->state, domain) : NULL;
  if (record == NULL)
    return -1;
  request.domain = record;
  request.findings = &view->entry->findings;
  request.qmp = monitor_of (view->entry, record, &opened);
  if (request.qmp == NULL || reconcile (&request, &view->now) == -1) {
    view->unknown = strdup (error_message ());
    reconciled_clear (&view->now);
    view->now.checkpoints = catalogue_checkpoints (service->state, domain);
  }
  view->doomed = catalogue_doomed (service->state, domain);
  view->current = catalogue_current (service->state, domain);
  return view->now.checkpoints && view->doomed ? 0 : -1;
}

static bool
is_doomed (const struct view *view, const char *checkpoint)
{
  size_t i;

  for (i = 0; view->doomed[i]; i++)
    if (strcmp (view->doomed[i], checkpoint) == 0)
      return true;
  return false;
}

static void
describe_state (const struct view *view, const char *checkpoint,
                json_object *json)
{
  const char *state = "usable";
  const char *reason = findings_reason (&view->entry->findings, checkpoint);

  if (is_doomed (view, checkpoint)) {
    state = "broken";
    reason = "it was being made or deleted when the daemon ended; what is left "
             "of it goes as soon as its QEMU can be asked";
  }
  else if (view->unknown) {
    state = "unknown";
    reason = view->unknown;
  }
  else if (reason)
    state = "broken";
  json_add_text (json, "state", state);
  json_add_text (json, "reason", reason);
}

static json_object *
describe_checkpoint (const struct view *view,
                     const struct checkpoint *checkpoint)
{
  json_object *json = json_object_new_object ();

  json_add_text (json, "name", checkpoint->name);
  json_add_text (json, "parent", checkpoint->parent);
  json_add_number (json, "creation_time", checkpoint->creation_time);
  json_add_text (json, "description", checkpoint->description);
  json_add_text (json, "generation", checkpoint->generation);
  json_add_bool (json, "current",
                 view->current &&
                     strcmp (view->current, checkpoint->name) == 0);
  describe_state (view, checkpoint->name, json);
  return json;
}

int
operation_checkpoint_list (struct service *service,
                           const struct operation_request *request,
                           json_object **reply)
{
  CLEANUP_VIEW struct view view = { 0 };
  json_object *checkpoints;
  size_t i;

  if (look (service, request->domain, &view) == -1)
    return -1;
  checkpoints = json_object_new_array ();
  for (i = 0; i < view.now.checkpoints->nr_checkpoints; i++)
    json_object_array_add (
        checkpoints,
        describe_checkpoint (&view, view.now.checkpoints->checkpoints[i]));
  *reply = json_object_new_object ();
  json_object_object_add (*reply, "checkpoints", checkpoints);
  json_add_text (*reply, "unknown", view.unknown);
  return 0;
}

/* Sizes go into the checkpoint, too, for its XML. */
static void
describe_disks (const struct view *view, struct checkpoint *checkpoint,
                json_object *json)
{
  json_object *disks = json_object_new_array ();
  int64_t sum = 0;
  size_t i;

  for (i = 0; i < checkpoint->nr_disks; i++) {
    struct checkpoint_disk *entry = &checkpoint->disks[i];
    json_object *disk = json_object_new_object ();

    if (!entry->included) {
      json_object_put (disk);
      continue;
    }
    if (view->now.disks)
      entry->size =
          checkpoint_disk_changes (checkpoint, entry, view->now.disks);
    json_add_text (disk, "name", entry->name);
    json_add_text (disk, "bitmap", checkpoint_bitmap (checkpoint, entry->name));
    json_object_object_add (
        disk, "size",
        entry->size >= 0 ? json_object_new_int64 (entry->size) : NULL);
    json_object_array_add (disks, disk);
    sum = sum >= 0 && entry->size >= 0 ? sum + entry->size : -1;
  }
  json_object_object_add (json, "size",
                          sum >= 0 ? json_object_new_int64 (sum) : NULL);
  json_object_object_add (json, "disks", disks);
}

static int
describe_family (const struct view *view, const char *name, json_object *json)
{
  const struct checkpoint_list *list = view->now.checkpoints;
  CLEANUP_FREE bool *descendants = family_descendants (list, name);

  if (descendants == NULL)
    return -1;
  json_add_number (json, "children", family_count_children (list, name));
  json_add_number (json, "descendants",
                   family_count_descendants (list, descendants));
  return 0;
}

/* What was not asked for is taken out of the checkpoint, the caller's own. */
static int
add_xml (unsigned options, struct checkpoint *checkpoint, json_object *json)
{
  CLEANUP_FREE char *xml = NULL;
  size_t i;

  for (i = 0; i < checkpoint->nr_images; i++) {
    free (checkpoint->images[i].disk);
    free (checkpoint->images[i].file);
  }
  checkpoint->nr_images = 0;
  if (!(options & OPTION_GENERATION))
    free (STEAL (checkpoint->generation));
  if (options & OPTION_NO_DOMAIN)
    free (STEAL (checkpoint->domain_name));
  for (i = 0; !(options & OPTION_SIZE) && i < checkpoint->nr_disks; i++)
    checkpoint->disks[i].size = -1;
  xml = checkpoint_format (checkpoint);
  if (xml == NULL)
    return -1;
  json_add_text (json, "xml", xml);
  return 0;
}

int
operation_checkpoint_info (struct service *service,
                           const struct operation_request *request,
                           json_object **reply)
{
  CLEANUP_VIEW struct view view = { 0 };
  CLEANUP_CHECKPOINT struct checkpoint *checkpoint = NULL;
  CLEANUP_JSON json_object *json = NULL;

  if (look (service, request->domain, &view) == -1)
    return -1;
  checkpoint = catalogue_checkpoint (service->state, request->domain,
                                     request->checkpoint);
  if (checkpoint == NULL)
    return -1;
  if (view.unknown && request->options & OPTION_SIZE)
    return fail (ERROR_QEMU, "the sizes are not known: %s", view.unknown);
  json = describe_checkpoint (&view, checkpoint);
  describe_disks (&view, checkpoint, json);
  if (describe_family (&view, checkpoint->name, json) == -1 ||
      add_xml (request->options, checkpoint, json) == -1)
    return -1;
  *reply = STEAL (json);
  return 0;
}

/* What failed is what is reported.  Bitmaps that this did not add are not
 * removed; where QEMU cannot be asked, the checkpoint stays doomed, and goes
 * when it can be. */
static int
unmake (const char *state, struct change *change,
        const struct checkpoint *checkpoint, bool added)
{
  const struct checkpoint *const list[] = { checkpoint, NULL };
  const char *domain = change->record->name;
  CLEANUP_FREE char *why = strdup (error_message ());
  enum error_kind kind = error_kind ();
  int left = bitmaps_count (change->qmp, list, change->record);

  if (left == 0 ||
      (left > 0 &&
       (!added || bitmaps_remove (change->qmp, list, change->record) == 0))) {
    catalogue_remove_checkpoint (state, domain, checkpoint->name);
    catalogue_spare (state, domain);
  }
  return fail (kind, "%s", why ? why : "out of memory");
}

/* QEMU's word for it is not enough. */
static int
verify_made (struct change *change, const struct checkpoint *checkpoint)
{
  CLEANUP_DISK_LIST struct disk_list *disks =
      monitor_disks (change->qmp, change->record);
  CLEANUP_FREE char *why = NULL;

  if (disks == NULL)
    return -1;
  why = checkpoint_health (checkpoint, disks);
  return why ? fail (ERROR_QEMU, "checkpoint '%s' was not made: %s",
                     checkpoint->name, why)
             : 0;
}

/* Doomed until it is whole. */
/* -1: the bitmaps are there only if *added says so. */
static int
add_quiesced (struct change *change, const struct checkpoint *checkpoint,
              struct quiesce *quiesce, bool *added)
{
  if (quiesce_freeze (quiesce) == -1)
    return -1;
  *added = bitmaps_add (change->qmp, checkpoint, change->now.disks) == 0;
  if (*added)
    return quiesce_thaw (quiesce);
  CLEANUP_FREE char *error = strdup (error_message ());
  enum error_kind kind = error_kind ();

  quiesce_thaw (quiesce);
  return fail (kind, "%s", error ? error : "out of memory");
}

static int
make (const char *state, struct change *change,
      const struct checkpoint *checkpoint, struct quiesce *quiesce)
{
  const char *domain = change->record->name;
  const char *const names[] = { checkpoint->name, NULL };
  bool added = false;

  if (catalogue_doom (state, domain, names) == -1)
    return -1;
  if (catalogue_add_checkpoint (state, domain, checkpoint) == 0 &&
      add_quiesced (change, checkpoint, quiesce, &added) == 0 &&
      verify_made (change, checkpoint) == 0 &&
      catalogue_set_current (state, domain, checkpoint->name) == 0 &&
      catalogue_spare (state, domain) == 0)
    return 0;
  return unmake (state, change, checkpoint, added);
}

struct create_options {
  const char *xml;
  bool redefine, validate;
};

static int
read_options (json_object *body, struct create_options *options)
{
  enum quiesce_mode quiesce;

  if (json_get_text (body, "xml", &options->xml) == -1 ||
      json_get_bool (body, "redefine", &options->redefine) == -1 ||
      json_get_bool (body, "validate", &options->validate) == -1 ||
      quiesce_read_mode (body, &quiesce) == -1)
    return -1;
  if (options->redefine && quiesce != QUIESCE_NO)
    return fail (ERROR_INVALID, "'quiesce' and 'redefine' exclude each other");
  if (options->validate && !options->redefine)
    return fail (ERROR_INVALID, "'validate' needs 'redefine'");
  return 0;
}

int
operation_checkpoint_create (struct service *service,
                             const struct operation_request *request,
                             json_object **reply)
{
  CLEANUP_CHANGE struct change change = { 0 };
  CLEANUP_CHECKPOINT struct checkpoint *checkpoint = NULL;
  struct plan_request plan = { .state = service->state };
  struct create_options options = { 0 };
  CLEANUP_QUIESCE struct quiesce quiesce = { 0 };

  if (read_options (request->body, &options) == -1)
    return -1;
  if (options.xml == NULL)
    options.xml = "<domaincheckpoint/>";
  checkpoint = checkpoint_parse (options.xml, strlen (options.xml));
  if (checkpoint == NULL ||
      change_begin (service, request->domain, &change) == -1 ||
      quiesce_read (request->body, change.record, service->events, &quiesce) ==
          -1)
    return -1;
  if (options.redefine) {
    if (checkpoint_redefine (service->state, &change, checkpoint,
                             options.validate) == -1)
      return -1;
  }
  else {
    plan.domain = change.record;
    if (plan_checkpoint (&plan, checkpoint, change.now.disks) == -1 ||
        make (service->state, &change, checkpoint, &quiesce) == -1)
      return -1;
  }
  event_tell_created (service->events, request->domain, checkpoint->name,
                      options.redefine ? "redefine" : "create");
  *reply = json_object_new_object ();
  json_add_text (*reply, "name", checkpoint->name);
  quiesce_describe (&quiesce, *reply);
  return 0;
}
