/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of the disk inventory only. */

#ifndef PULLBACK_DISKS_INTERNAL_H
#define PULLBACK_DISKS_INTERNAL_H

#include "controller/disks/disks.h"

/* What the device of a disk is, from QOM. */
struct disk_device {
  char *path;    /* as qom-get takes it; NULL: there is no device */
  char *drive;   /* name of the drive (-drive id=...), "" if it has none */
  char *prefix;  /* what the guest calls such disks: vd, sd, hd, nvme ... */
  bool iothread; /* it, or its controller, runs in an iothread */
};

/* 'qdev' of query-block as a QOM path without the virtio backend, which has no
 * property "drive" of its own.  NULL: out of memory, reported. */
char *disk_device_path (const char *qdev);

/* Fills 'prefix' and 'iothread' of all that have a path; where QEMU has no
 * iothread, only of those whose disk has no name. */
int disk_devices_query (struct qmp *qmp, const struct disk_list *list,
                        struct disk_device *devices);
void disk_device_clear (struct disk_device *device);

/* Give every disk its name, in two steps: 'names' and the devices' ids, and of
 * those that are left the bus; 'devices' go with the disks. */
int disks_assign_names (struct disk_list *list,
                        const struct disk_device *devices,
                        const struct disk_name *names, size_t nr_names);
int disks_assign_bus_names (struct disk_list *list,
                            const struct disk_device *devices);

/* Last component of a QOM path, if the path is of a device with an id. */
const char *disk_device_id (const char *path);

#endif /* PULLBACK_DISKS_INTERNAL_H */
