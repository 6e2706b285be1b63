/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds or opens the connection to a domain's QEMU. */

#include <config.h>

#include <errno.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/datapath/listener.h"
#include "controller/domain/job.h"
#include "controller/domain/monitor.h"

struct qmp *
monitor_of (struct domain_entry *entry, const struct domain_record *record,
            struct qmp **opened)
{
  if (job_running (entry->job))
    return job_monitor (entry->job);
  *opened = qmp_connect (record->qmp, NULL, NULL);
  if (*opened == NULL)
    fail_prefix ("domain '%s'", record->name);
  return *opened;
}

struct disk_list *
monitor_disks (struct qmp *qmp, const struct domain_record *record)
{
  CLEANUP_FREE struct disk_name *names =
      calloc (record->nr_disks + 1, sizeof *names);
  size_t i;

  if (names == NULL) {
    fail_errno (ERROR_SYSTEM, "domain '%s'", record->name);
    return NULL;
  }
  for (i = 0; i < record->nr_disks; i++)
    names[i] = (struct disk_name){ .name = record->disks[i].name,
                                   .device = record->disks[i].device };
  return disks_query (qmp, names, record->nr_disks);
}

bool
monitor_is_gone (const char *path)
{
  CLEANUP_CLOSE int fd = connect_unix (path);

  return fd == -1 && (errno == ECONNREFUSED || errno == ENOENT);
}
