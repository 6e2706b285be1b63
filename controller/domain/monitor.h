/* SPDX-License-Identifier: BSD-3-Clause */
/* How an operation reaches a domain's QEMU: the running job's connection, since
 * a monitor serves one client at a time, else one of its own. */

#ifndef PULLBACK_MONITOR_H
#define PULLBACK_MONITOR_H

#include "controller/catalogue/catalogue.h"
#include "controller/disks/disks.h"
#include "controller/domain/service.h"
#include "controller/qmp/qmp.h"

/* The connection to use; *opened is set where it is new and the caller's to
 * close.  NULL: reported. */
struct qmp *monitor_of (struct domain_entry *entry,
                        const struct domain_record *record,
                        struct qmp **opened);

/* The domain's disks by the names that the record gives. */
struct disk_list *monitor_disks (struct qmp *qmp,
                                 const struct domain_record *record);

/* Whether there is certainly no QEMU at this monitor's socket. */
bool monitor_is_gone (const char *path);

#endif /* PULLBACK_MONITOR_H */
