/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether a point in time can still be read. */

#ifndef PULLBACK_PROBE_H
#define PULLBACK_PROBE_H

/* Reads a few bytes of the export at the Unix socket of the plugin, from where
 * its view EXPORT@/readable says that something can be read; if nothing can,
 * there is nothing that could be wrong.  QEMU fails every read once it has
 * given up a point in time (on-cbw-error of copy-before-write) and raises no
 * event when it does.  -1: reported. */
int probe_export (const char *socket, const char *export_name);

/* The same of an export of QEMU's all of which can be read, over a connection
 * to its server, which it takes. */
int probe_whole (int connection, const char *export_name);

#endif /* PULLBACK_PROBE_H */
