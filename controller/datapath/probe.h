/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether a point in time can still be read. */

#ifndef PULLBACK_PROBE_H
#define PULLBACK_PROBE_H

#include <stdbool.h>

/* Reads a few bytes of the export at the Unix socket of an NBD server; of one
 * that has 'only_changes', from where the view says that something changed.
 * QEMU fails every read once it has given up a point in time (on-cbw-error of
 * copy-before-write) and raises no event when it does.  -1: reported. */
int probe_export (const char *socket, const char *export_name,
                  bool only_changes);

#endif /* PULLBACK_PROBE_H */
