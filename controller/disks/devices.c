/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices of the disks, from QOM: on which bus, and in which thread.  Every
 * question is put only where the answer is known to exist, so that any error is
 * one: a disk that wrongly counted as without an iothread could be captured by
 * a method that is not safe for it.  And only where the answer matters: seven
 * for each disk took longer than most of what a backup's begin does. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/disks/internal.h"
#include "controller/qmp/json.h"

char *
disk_device_path (const char *qdev)
{
  static const char backend[] = "/virtio-backend";
  size_t length = strlen (qdev), tail = strlen (backend);
  char *path;

  if (length > tail && strcmp (qdev + length - tail, backend) == 0)
    length -= tail;
  /* Some versions give the bare id of a device that has one. */
  if (asprintf (&path, "%s%.*s", qdev[0] == '/' ? "" : "/machine/peripheral/",
                (int) length, qdev) < 0) {
    fail (ERROR_SYSTEM, "out of memory");
    return NULL;
  }
  return path;
}

const char *
disk_device_id (const char *path)
{
  static const char with_id[] = "/machine/peripheral/";

  if (!path || strncmp (path, with_id, strlen (with_id)) != 0)
    return NULL;
  path += strlen (with_id);
  return strchr (path, '/') ? NULL : path;
}

void
disk_device_clear (struct disk_device *device)
{
  free (device->path);
  free (device->drive);
  free (device->prefix);
}

/* The property of an object; NULL if it has none, or it cannot be read, which
 * sets *failed. */
static json_object *
property_of (struct qmp *qmp, const char *path, json_object *listed,
             const char *property, bool *failed)
{
  json_object *value;

  if (!qmp_find (listed, "name", property))
    return NULL;
  if (qmp_execute (qmp, "qom-get",
                   qmp_object ("path", qmp_text (path), "property",
                               qmp_text (property), NULL),
                   &value) == 0)
    return value;
  *failed = true;
  return NULL;
}

static char *
text_of (json_object *value)
{
  char *text = NULL;

  if (value && json_object_is_type (value, json_type_string))
    text = strdup (json_object_get_string (value));
  json_object_put (value);
  return text;
}

/* What an object of the machine says that matters here. */
struct qom_facts {
  char *type;       /* virtio-blk-pci ... */
  char *parent_bus; /* QOM path of the bus it is on */
  bool iothread;
};

static void
qom_facts_clear (struct qom_facts *facts)
{
  free (facts->type);
  free (facts->parent_bus);
}
#define CLEANUP_QOM_FACTS __attribute__ ((cleanup (qom_facts_clear)))

static int
qom_facts_query (struct qmp *qmp, const char *path, struct qom_facts *facts)
{
  json_object *listed, *mapping;
  CLEANUP_FREE char *iothread = NULL;
  bool failed = false;

  if (qmp_execute (qmp, "qom-list", qmp_object ("path", qmp_text (path), NULL),
                   &listed) < 0)
    return -1;
  facts->type = text_of (property_of (qmp, path, listed, "type", &failed));
  facts->parent_bus =
      text_of (property_of (qmp, path, listed, "parent_bus", &failed));
  iothread = text_of (property_of (qmp, path, listed, "iothread", &failed));
  mapping = property_of (qmp, path, listed, "iothread-vq-mapping", &failed);
  facts->iothread = (iothread && *iothread) || qmp_length (mapping) > 0;
  json_object_put (mapping);
  json_object_put (listed);
  return failed ? -1 : 0;
}

/* The device that has the bus: /machine/peripheral/scsi0[/virtio-backend]. */
static char *
controller_path (const char *parent_bus)
{
  CLEANUP_FREE char *path = parent_bus ? strdup (parent_bus) : NULL;
  char *slash = path ? strrchr (path, '/') : NULL;

  if (!slash || slash == path)
    return NULL;
  *slash = '\0';
  return disk_device_path (path);
}

static bool
begins (const char *text, const char *with)
{
  return text && strncmp (text, with, strlen (with)) == 0;
}

/* What a Linux guest calls the disks of such a device; as libvirt, hd for IDE
 * and sd for SATA. */
static const char *
prefix_for (const char *type, const char *controller)
{
  if (begins (type, "virtio-blk"))
    return "vd";
  if (begins (type, "nvme"))
    return "nvme";
  if (begins (type, "ide-"))
    return controller && strstr (controller, "ahci") ? "sd" : "hd";
  if (begins (type, "scsi-") || begins (type, "usb-"))
    return "sd";
  if (begins (type, "xen-"))
    return "xvd";
  if (begins (type, "floppy"))
    return "fd";
  if (begins (type, "sd-card"))
    return "mmcblk";
  return "vd";
}

/* The controller of the device before: most often it is this one's, too. */
struct controller {
  char *path; /* NULL: none yet */
  struct qom_facts facts;
};

static void
controller_clear (struct controller *controller)
{
  free (controller->path);
  qom_facts_clear (&controller->facts);
  *controller = (struct controller){ 0 };
}
#define CLEANUP_CONTROLLER __attribute__ ((cleanup (controller_clear)))

/* Takes over the path, which may be NULL: a device without one. */
static int
controller_query (struct qmp *qmp, char *path, struct controller *controller)
{
  if (path && controller->path && strcmp (path, controller->path) == 0) {
    free (path);
    return 0;
  }
  controller_clear (controller);
  controller->path = path;
  if (path && qom_facts_query (qmp, path, &controller->facts) < 0)
    return fail_prefix ("controller '%s'", path);
  return 0;
}

static int
device_query (struct qmp *qmp, struct disk_device *device,
              struct controller *controller)
{
  CLEANUP_QOM_FACTS struct qom_facts own = { NULL, NULL, false };

  if (qom_facts_query (qmp, device->path, &own) < 0)
    return fail_prefix ("device '%s'", device->path);
  if (controller_query (qmp, controller_path (own.parent_bus), controller) < 0)
    return -1;
  device->iothread = own.iothread || controller->facts.iothread;
  device->prefix = strdup (prefix_for (own.type, controller->facts.type));
  return device->prefix ? 0 : fail (ERROR_SYSTEM, "out of memory");
}

/* A device's iothread is an object of the user's: query-iothreads has them all.
 */
static int
has_iothreads (struct qmp *qmp, bool *iothreads)
{
  json_object *list;

  if (qmp_execute (qmp, "query-iothreads", NULL, &list) < 0)
    return -1;
  *iothreads = qmp_length (list) > 0;
  json_object_put (list);
  return 0;
}

int
disk_devices_query (struct qmp *qmp, const struct disk_list *list,
                    struct disk_device *devices)
{
  CLEANUP_CONTROLLER struct controller controller = { 0 };
  bool iothreads;

  if (has_iothreads (qmp, &iothreads) < 0)
    return -1;
  for (size_t i = 0; i < list->nr_disks; i++)
    if (devices[i].path && (iothreads || !list->disks[i].name) &&
        device_query (qmp, &devices[i], &controller) < 0)
      return -1;
  return 0;
}
