/* SPDX-License-Identifier: BSD-3-Clause */
/* The operations on domains: add, list, info, remove. */

#include <config.h>

#include <string.h>

#include "common/cleanup.h"
#include "controller/capture/capture.h"
#include "controller/catalogue/catalogue.h"
#include "controller/disks/disks.h"
#include "controller/domain/journal.h"
#include "controller/domain/json.h"
#include "controller/domain/job.h"
#include "controller/domain/monitor.h"
#include "controller/domain/other-bitmaps.h"
#include "controller/domain/reconcile.h"
#include "controller/domain/service.h"
#include "controller/formats/names.h"

#define MAX_NAMED_DISKS 1024

/* Reads "disks": {NAME: DEVICE} into the record. */
static int
read_disk_names (json_object *body, struct domain_record *record)
{
  json_object *disks;
  size_t count;

  if (!json_object_object_get_ex (body, "disks", &disks) || disks == NULL)
    return 0;
  if (!json_object_is_type (disks, json_type_object))
    return fail (ERROR_INVALID, "'disks' must map names to devices");
  count = json_object_object_length (disks);
  if (count > MAX_NAMED_DISKS)
    return fail (ERROR_INVALID, "a domain has at most %d named disks",
                 MAX_NAMED_DISKS);
  record->disks = calloc (count + 1, sizeof *record->disks);
  if (record->disks == NULL)
    return fail_errno (ERROR_SYSTEM, "domain");
  json_object_object_foreach (disks, name, device) {
    struct catalogue_disk_name *disk = &record->disks[record->nr_disks];

    if (name_check ("disk", name) == -1)
      return -1;
    if (!json_object_is_type (device, json_type_string))
      return fail (ERROR_INVALID,
                   "the device of disk '%s' must be a string: a device's id or "
                   "QOM path, or a node's name",
                   name);
    record->nr_disks++;
    disk->name = strdup (name);
    disk->device = strdup (json_object_get_string (device));
    if (disk->name == NULL || disk->device == NULL)
      return fail_errno (ERROR_SYSTEM, "domain");
  }
  return 0;
}

/* 'path' may be NULL or "": none. */
static int
set_agent (struct domain_record *record, const char *path)
{
  char *copy = path && *path ? strdup (path) : NULL;

  if (path && *path && copy == NULL)
    return fail_errno (ERROR_SYSTEM, "domain");
  free (record->agent);
  record->agent = copy;
  return 0;
}

static struct domain_record *
read_domain (json_object *body)
{
  CLEANUP_DOMAIN_RECORD struct domain_record *record =
      calloc (1, sizeof *record);
  const char *name, *qmp, *agent;

  if (record == NULL) {
    fail_errno (ERROR_SYSTEM, "domain");
    return NULL;
  }
  if (json_get_text (body, "name", &name) == -1 ||
      json_get_text (body, "qmp", &qmp) == -1 ||
      json_get_text (body, "agent", &agent) == -1)
    return NULL;
  if (name == NULL || qmp == NULL) {
    fail (ERROR_INVALID,
          "a domain needs a 'name' and 'qmp', the path of QEMU's monitor");
    return NULL;
  }
  if (name_check ("domain", name) == -1)
    return NULL;
  if (qmp[0] != '/') {
    fail (ERROR_INVALID, "the path of the monitor must be absolute: '%s'", qmp);
    return NULL;
  }
  record->name = strdup (name);
  record->qmp = strdup (qmp);
  if (record->name == NULL || record->qmp == NULL ||
      set_agent (record, agent) == -1) {
    fail_errno (ERROR_SYSTEM, "domain");
    return NULL;
  }
  if (read_disk_names (body, record) == -1)
    return NULL;
  return STEAL (record);
}

static json_object *
describe_disk (const struct disk *disk)
{
  json_object *json = json_object_new_object ();
  const char *reason = disk->reason;

  if (reason == NULL && !disk->persistent)
    reason = "its format keeps no bitmaps: full backups only";
  json_add_text (json, "name", disk->name);
  json_add_text (json, "node", disk->node);
  json_add_text (json, "device", disk->qdev);
  json_add_number (json, "size", (int64_t) disk->size);
  json_add_text (json, "format", disk->format);
  json_add_text (json, "file", disk->file);
  json_add_bool (json, "iothread", disk->iothread);
  json_add_bool (json, "backup", disk->reason == NULL);
  json_add_bool (json, "checkpoint", disk->reason == NULL && disk->persistent);
  json_add_text (json, "reason", reason);
  return json;
}

/* Bitmaps that are of no checkpoint: somebody else's, or lost. */
static json_object *
describe_other_bitmaps (const struct reconciled *now)
{
  json_object *list = json_object_new_array ();
  size_t d, i;

  for (d = 0; d < now->disks->nr_disks; d++) {
    const struct disk *disk = &now->disks->disks[d];

    for (i = 0; i < disk->nr_bitmaps; i++) {
      json_object *json;

      if (!is_other_bitmap (now->checkpoints, disk, disk->bitmaps[i].name))
        continue;
      json = json_object_new_object ();
      json_add_text (json, "disk", disk->name);
      json_add_text (json, "bitmap", disk->bitmaps[i].name);
      json_object_array_add (list, json);
    }
  }
  return list;
}

static json_object *
describe_broken (const struct findings *findings)
{
  json_object *list = json_object_new_array ();

  if (findings->broken == NULL)
    return list;
  json_object_object_foreach (findings->broken, checkpoint, reason) {
    json_object *json = json_object_new_object ();

    json_add_text (json, "name", checkpoint);
    json_object_object_add (json, "reason", json_object_get (reason));
    json_object_array_add (list, json);
  }
  return list;
}

static void
describe_checkpoints (const struct domain_entry *entry,
                      const struct reconciled *now, json_object *reply)
{
  json_object_object_add (reply, "broken", describe_broken (&entry->findings));
  json_object_object_add (reply, "repaired",
                          entry->findings.repaired
                              ? json_object_get (entry->findings.repaired)
                              : json_object_new_array ());
  /* A running backup's own are of no checkpoint yet. */
  json_object_object_add (reply, "other_bitmaps",
                          job_running (entry->job)
                              ? json_object_new_array ()
                              : describe_other_bitmaps (now));
}

/* What domain-info says. */
static json_object *
describe_domain (const struct domain_record *record, struct qmp *qmp,
                 const struct domain_entry *entry, const struct reconciled *now)
{
  json_object *reply = json_object_new_object ();
  json_object *disks = json_object_new_array ();
  bool iothread = false;
  size_t i;

  for (i = 0; i < now->disks->nr_disks; i++) {
    json_object_array_add (disks, describe_disk (&now->disks->disks[i]));
    iothread |= now->disks->disks[i].iothread;
  }
  json_add_text (reply, "name", record->name);
  json_add_text (reply, "qmp", record->qmp);
  json_add_text (reply, "agent", record->agent);
  json_add_text (reply, "qemu", qmp_version_text (qmp));
  json_add_text (reply, "method",
                 capture_method_name (capture_method_for (qmp, iothread)));
  json_object_object_add (reply, "disks", disks);
  describe_checkpoints (entry, now, reply);
  return reply;
}

int
operation_domain_add (struct service *service,
                      const struct operation_request *request,
                      json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry = NULL;
  CLEANUP_DOMAIN_RECORD struct domain_record *record =
      read_domain (request->body);
  CLEANUP_QMP struct qmp *qmp = NULL;
  CLEANUP_RECONCILED struct reconciled now = { 0 };

  if (record == NULL)
    return -1;
  entry = service_lock_new_domain (service, record->name);
  if (entry == NULL)
    return -1;
  qmp = qmp_connect (record->qmp, NULL, NULL);
  if (qmp == NULL || (now.disks = monitor_disks (qmp, record)) == NULL ||
      catalogue_add_domain (service->state, record) == -1)
    return -1;
  findings_clear (&entry->findings);
  *reply = describe_domain (record, qmp, entry, &now);
  return 0;
}

int
operation_domain_list (struct service *service,
                       const struct operation_request *request,
                       json_object **reply)
{
  CLEANUP_NAME_LIST name_list names = catalogue_domains (service->state);
  json_object *domains;
  size_t i;

  (void) request;
  if (names == NULL)
    return -1;
  domains = json_object_new_array ();
  for (i = 0; names[i]; i++) {
    CLEANUP_DOMAIN_RECORD struct domain_record *record =
        catalogue_domain (service->state, names[i]);
    json_object *domain = json_object_new_object ();

    json_object_array_add (domains, domain);
    json_add_text (domain, "name", names[i]);
    json_add_text (domain, "qmp", record ? record->qmp : NULL);
    json_add_text (domain, "error", record ? NULL : error_message ());
    json_add_bool (domain, "job", service_has_job (service, names[i]));
  }
  *reply = json_object_new_object ();
  json_object_object_add (*reply, "domains", domains);
  return 0;
}

int
operation_domain_info (struct service *service,
                       const struct operation_request *request,
                       json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      service_lock_domain (service, request->domain);
  CLEANUP_DOMAIN_RECORD struct domain_record *record = NULL;
  CLEANUP_QMP struct qmp *opened = NULL;
  struct reconcile_request look = { .state = service->state };
  CLEANUP_RECONCILED struct reconciled now = { 0 };

  if (entry == NULL)
    return -1;
  record = catalogue_domain (service->state, request->domain);
  if (record == NULL)
    return -1;
  look.domain = record;
  look.findings = &entry->findings;
  look.qmp = monitor_of (entry, record, &opened);
  if (look.qmp == NULL || reconcile (&look, &now) == -1)
    return -1;
  *reply = describe_domain (record, look.qmp, entry, &now);
  return 0;
}

int
operation_domain_set (struct service *service,
                      const struct operation_request *request,
                      json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      service_lock_domain (service, request->domain);
  CLEANUP_DOMAIN_RECORD struct domain_record *record = NULL;
  const char *agent;

  if (entry == NULL)
    return -1;
  record = catalogue_domain (service->state, request->domain);
  if (record == NULL || json_get_text (request->body, "agent", &agent) == -1)
    return -1;
  if (json_object_object_get_ex (request->body, "agent", NULL) &&
      (set_agent (record, agent) == -1 ||
       catalogue_replace_domain (service->state, record) == -1))
    return -1;
  *reply = json_object_new_object ();
  json_add_text (*reply, "name", record->name);
  json_add_text (*reply, "qmp", record->qmp);
  json_add_text (*reply, "agent", record->agent);
  return 0;
}

/* With the domain its journal would go, and what a backup has left in a living
 * QEMU would never be taken down. */
static int
check_nothing_left (struct service *service, const char *name)
{
  CLEANUP_DOMAIN_RECORD struct domain_record *record = NULL;

  if (!journal_exists (service->state, name))
    return 0;
  record = catalogue_domain (service->state, name);
  if (record == NULL)
    return -1;
  if (monitor_is_gone (record->qmp))
    return 0;
  return fail (ERROR_CONFLICT,
               "an unfinished backup of domain '%s' is left in its QEMU and "
               "cannot be taken down yet; repeat when the monitor '%s' is "
               "free, the log says what is in the way",
               name, record->qmp);
}

int
operation_domain_remove (struct service *service,
                         const struct operation_request *request,
                         json_object **reply)
{
  CLEANUP_DOMAIN_ENTRY struct domain_entry *entry =
      service_lock_domain (service, request->domain);

  if (entry == NULL)
    return -1;
  if (job_running (entry->job))
    return fail (ERROR_CONFLICT,
                 "domain '%s' has a running backup; end it first: pullback "
                 "backup-end %s",
                 request->domain, request->domain);
  if (check_nothing_left (service, request->domain) == -1 ||
      catalogue_remove_domain (service->state, request->domain) == -1)
    return -1;
  job_free (STEAL (entry->job));
  *reply = json_object_new_object ();
  return 0;
}
