/* SPDX-License-Identifier: BSD-3-Clause */
/* The record of a running backup, in the state folder, for the case that the
 * daemon dies: what is to be taken down and which checkpoint was provisional.
 */

#ifndef PULLBACK_JOURNAL_H
#define PULLBACK_JOURNAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "controller/domain/plan.h"

/* Written before QEMU is touched.  'job' is the capture's name of the job, and
 * of no other: the same QEMU can be another domain's, too.  'processes' and
 * 'sockets' (paths) are those of the data path. */
int journal_write (const char *state, const char *domain, const char *job,
                   const struct plan *plan, const pid_t *processes,
                   size_t nr_processes, const char *const *sockets,
                   size_t nr_sockets);

/* The job has left nothing behind. */
void journal_remove (const char *state, const char *domain);

bool journal_exists (const char *state, const char *domain);

/* Takes down what a dead daemon's job left: QEMU closes its connections first,
 * then the data path is ended, then the rest in QEMU, and the bitmaps of a
 * checkpoint that was not committed.  Where the domain's QEMU has gone, all but
 * the bitmaps is removed, and they are when it is back.  -1: something is left,
 * reported; to be repeated. */
int journal_recover (const char *state, const struct domain_record *domain);

#endif /* PULLBACK_JOURNAL_H */
