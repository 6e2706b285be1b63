/* SPDX-License-Identifier: BSD-3-Clause */
/* What clients have read of a pull, and whether that is all that it takes.
 *
 * A disk is complete when all that it has to be pulled for was received.  With
 * a base that the backup names, these are the changes since; else all of the
 * disk, or the changes since any one base, if a client was told which they are.
 * What reads as zeroes counts where it was read or told. */

#ifndef PULLBACK_READS_H
#define PULLBACK_READS_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "controller/datapath/datapath.h"
#include "controller/domain/plan.h"

/* Whether every disk is complete.  'forgotten': the relay was started again, so
 * that it does not know what had been read before.  1: it is still being found
 * out, reported, too; it is to be asked for again in a moment.  -1: not so, or
 * it cannot be found out; reported, with how much is left of which disk. */
int reads_check (const struct plan *plan, const struct datapath *datapath,
                 bool forgotten);

/* A list with "read", "sent" and "exports" of each disk, as far as the relay
 * knows by now; the caller's.  NULL: reported. */
json_object *reads_describe (const struct plan *plan,
                             const struct datapath *datapath);

#endif /* PULLBACK_READS_H */
