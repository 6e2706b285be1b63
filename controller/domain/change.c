/* SPDX-License-Identifier: BSD-3-Clause */
/* Begins and ends a change of a domain's checkpoints. */

#include <config.h>

#include "controller/common/error.h"
#include "controller/domain/change.h"
#include "controller/domain/job.h"

int
change_begin_offline (struct service *service, const char *domain,
                      struct change *change)
{
  change->entry = service_lock_domain (service, domain);
  if (change->entry == NULL)
    return -1;
  if (job_running (change->entry->job))
    return fail (ERROR_CONFLICT,
                 "a backup of domain '%s' is running; its checkpoints can be "
                 "changed when it has ended: pullback backup-end %s",
                 domain, domain);
  change->record = catalogue_domain (service->state, domain);
  return change->record ? 0 : -1;
}

int
change_begin (struct service *service, const char *domain,
              struct change *change)
{
  struct reconcile_request request = { .state = service->state };

  if (change_begin_offline (service, domain, change) == -1)
    return -1;
  change->qmp = qmp_connect (change->record->qmp, NULL, NULL);
  if (change->qmp == NULL)
    return fail_prefix ("domain '%s'", domain);
  request.domain = change->record;
  request.qmp = change->qmp;
  request.findings = &change->entry->findings;
  return reconcile (&request, &change->now);
}

void
change_end (struct change *change)
{
  reconciled_clear (&change->now);
  qmp_close (change->qmp);
  domain_record_free (change->record);
  cleanup_domain_entry_unlock (&change->entry);
}
