/* SPDX-License-Identifier: BSD-3-Clause */
/* The operations on checkpoints: list, create, info, delete. */

#include <config.h>

#include <string.h>

#include "common/cleanup.h"
#include "controller/catalogue/catalogue.h"
#include "controller/common/error.h"
#include "controller/domain/bitmaps.h"
#include "controller/domain/json.h"
#include "controller/domain/monitor.h"
#include "controller/domain/plan.h"
#include "controller/domain/service.h"

static json_object *
describe_checkpoint (const struct checkpoint *checkpoint, const char *current)
{
  json_object *json = json_object_new_object ();

  json_add_text (json, "name", checkpoint->name);
  json_add_text (json, "parent", checkpoint->parent);
  json_add_number (json, "creation_time", checkpoint->creation_time);
  json_add_text (json, "description", checkpoint->description);
  json_add_bool (json, "current",
                 current && strcmp (current, checkpoint->name) == 0);
  return json;
}

int
operation_checkpoint_list (struct service *service,
                           const struct operation_request *request,
                           json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      service_lock_domain (service, request->domain);
  CLEANUP_CHECKPOINT_LIST struct checkpoint_list *list = NULL;
  CLEANUP_FREE char *current = NULL;
  json_object *checkpoints;
  size_t i;

  if (entry == NULL)
    return -1;
  list = catalogue_checkpoints (service->state, request->domain);
  if (list == NULL)
    return -1;
  current = catalogue_current (service->state, request->domain);
  checkpoints = json_object_new_array ();
  for (i = 0; i < list->nr_checkpoints; i++)
    json_object_array_add (checkpoints,
                           describe_checkpoint (list->checkpoints[i], current));
  *reply = json_object_new_object ();
  json_object_object_add (*reply, "checkpoints", checkpoints);
  return 0;
}

int
operation_checkpoint_info (struct service *service,
                           const struct operation_request *request,
                           json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      service_lock_domain (service, request->domain);
  CLEANUP_CHECKPOINT struct checkpoint *checkpoint = NULL;
  CLEANUP_FREE char *current = NULL;
  CLEANUP_FREE char *xml = NULL;

  if (entry == NULL)
    return -1;
  checkpoint = catalogue_checkpoint (service->state, request->domain,
                                     request->checkpoint);
  if (checkpoint == NULL)
    return -1;
  xml = checkpoint_format (checkpoint);
  if (xml == NULL)
    return -1;
  current = catalogue_current (service->state, request->domain);
  *reply = describe_checkpoint (checkpoint, current);
  json_add_text (*reply, "xml", xml);
  return 0;
}

/* What creating and deleting have in common: the domain's lock, its record, a
 * connection of its own, and that no backup runs. */
struct change {
  struct domain_entry *entry;
  struct domain_record *record;
  struct qmp *qmp;
  struct disk_list *disks;
};

static void
change_end (struct change *change)
{
  disk_list_free (change->disks);
  qmp_close (change->qmp);
  domain_record_free (change->record);
  cleanup_domain_entry_unlock (&change->entry);
}
#define CLEANUP_CHANGE __attribute__ ((cleanup (change_end)))

static int
change_begin (struct service *service, const char *domain,
              struct change *change)
{
  change->entry = service_lock_domain (service, domain);
  if (change->entry == NULL)
    return -1;
  if (change->entry->job)
    return fail (ERROR_CONFLICT,
                 "a backup of domain '%s' is running; its checkpoints can be "
                 "changed when it has ended: pullback backup-end %s",
                 domain, domain);
  change->record = catalogue_domain (service->state, domain);
  if (change->record == NULL)
    return -1;
  change->qmp = qmp_connect (change->record->qmp, NULL, NULL);
  if (change->qmp == NULL)
    return fail_prefix ("domain '%s'", domain);
  change->disks = monitor_disks (change->qmp, change->record);
  return change->disks ? 0 : -1;
}

/* Stores the metadata of a checkpoint whose bitmaps are there. */
static int
store (const char *state, const char *domain,
       const struct checkpoint *checkpoint)
{
  if (catalogue_add_checkpoint (state, domain, checkpoint) == -1)
    return -1;
  return catalogue_set_current (state, domain, checkpoint->name);
}

int
operation_checkpoint_create (struct service *service,
                             const struct operation_request *request,
                             json_object **reply)
{
  CLEANUP_CHANGE struct change change = { 0 };
  CLEANUP_CHECKPOINT struct checkpoint *checkpoint = NULL;
  struct plan_request plan = { .state = service->state };
  const char *xml;

  if (json_get_text (request->body, "xml", &xml) == -1)
    return -1;
  if (xml == NULL)
    xml = "<domaincheckpoint/>";
  checkpoint = checkpoint_parse (xml, strlen (xml));
  if (checkpoint == NULL ||
      change_begin (service, request->domain, &change) == -1)
    return -1;
  plan.domain = change.record;
  if (plan_checkpoint (&plan, checkpoint, change.disks) == -1 ||
      bitmaps_add (change.qmp, checkpoint, change.disks) == -1)
    return -1;
  if (store (service->state, request->domain, checkpoint) == -1) {
    CLEANUP_FREE char *why = strdup (error_message ());

    bitmaps_remove (change.qmp, checkpoint, change.record);
    return fail (ERROR_SYSTEM, "%s", why ? why : "out of memory");
  }
  *reply = json_object_new_object ();
  json_add_text (*reply, "name", checkpoint->name);
  return 0;
}

int
operation_checkpoint_delete (struct service *service,
                             const struct operation_request *request,
                             json_object **reply)
{
  CLEANUP_CHANGE struct change change = { 0 };
  CLEANUP_CHECKPOINT struct checkpoint *checkpoint = NULL;

  if (change_begin (service, request->domain, &change) == -1)
    return -1;
  checkpoint = catalogue_checkpoint (service->state, request->domain,
                                     request->checkpoint);
  /* The bitmaps go first: metadata without bitmaps is seen and said, bitmaps
   * without metadata would slow the guest down unseen. */
  if (checkpoint == NULL ||
      bitmaps_remove (change.qmp, checkpoint, change.record) == -1 ||
      catalogue_remove_checkpoint (service->state, request->domain,
                                   request->checkpoint) == -1)
    return -1;
  *reply = json_object_new_object ();
  return 0;
}
