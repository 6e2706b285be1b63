/* SPDX-License-Identifier: BSD-3-Clause */
/* What operations that change checkpoints have in common: the domain's lock,
 * its record, a connection of its own, that no backup runs, and that metadata
 * and bitmaps are reconciled. */

#ifndef PULLBACK_CHANGE_H
#define PULLBACK_CHANGE_H

#include "controller/domain/reconcile.h"
#include "controller/domain/service.h"

struct change {
  struct domain_entry *entry;
  struct domain_record *record;
  struct qmp *qmp;
  struct reconciled now;
};

/* Begins with a change that is all zeroes.  -1: reported; it is to be ended all
 * the same. */
int change_begin (struct service *service, const char *domain,
                  struct change *change);
/* The same for one that changes metadata only, and needs no QEMU: without
 * connection and reconciliation. */
int change_begin_offline (struct service *service, const char *domain,
                          struct change *change);
void change_end (struct change *change);
#define CLEANUP_CHANGE __attribute__ ((cleanup (change_end)))

#endif /* PULLBACK_CHANGE_H */
