/* SPDX-License-Identifier: BSD-3-Clause */
/* Brings the metadata of checkpoints and the bitmaps that QEMU has together,
 * before an operation relies on either: finishes what a crash interrupted,
 * carries bitmaps over a snapshot, and finds what is broken. */

#ifndef PULLBACK_RECONCILE_H
#define PULLBACK_RECONCILE_H

#include "controller/catalogue/catalogue.h"
#include "controller/disks/disks.h"
#include "controller/domain/findings.h"
#include "controller/qmp/qmp.h"

struct reconcile_request {
  const char *state; /* the state folder */
  const struct domain_record *domain;
  struct qmp *qmp;
  struct findings *findings; /* brought up to date */
};

/* Both are as they are afterwards, and the caller's. */
struct reconciled {
  struct disk_list *disks;
  struct checkpoint_list *checkpoints;
};

/* Does nothing where nothing is to be done.  -1: reported, also where what is
 * doomed cannot be removed. */
int reconcile (const struct reconcile_request *request,
               struct reconciled *reconciled);
void reconciled_clear (struct reconciled *reconciled);
#define CLEANUP_RECONCILED __attribute__ ((cleanup (reconciled_clear)))

#endif /* PULLBACK_RECONCILE_H */
