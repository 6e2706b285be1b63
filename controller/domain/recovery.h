/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of a backup whose daemon died, or that could not be ended: it is
 * taken up again where all of it is still there, else taken down. */

#ifndef PULLBACK_RECOVERY_H
#define PULLBACK_RECOVERY_H

#include "controller/domain/job.h"

/* The backup that the domain's journal tells of, running again, or *job is
 * NULL: it was taken down, with its provisional checkpoint.  QEMU closes its
 * connections first, then the data path is ended, then the rest in QEMU.  Where
 * QEMU has gone all but the bitmaps is removed, and they are when it is back.
 * -1: something is left, reported; to be repeated. */
int job_recover (const struct job_request *request, struct job **job);

/* Never takes it up. */
int job_take_down (const char *state, const struct domain_record *domain);

#endif /* PULLBACK_RECOVERY_H */
