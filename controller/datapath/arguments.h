/* SPDX-License-Identifier: BSD-3-Clause */
/* The command lines of the data path's processes. */

#ifndef PULLBACK_ARGUMENTS_H
#define PULLBACK_ARGUMENTS_H

#include "controller/datapath/datapath.h"

/* The caller's, closed by NULL.  NULL: reported. */
char **arguments_of_broker (const char *qemu_socket);
char **arguments_of_nbdkit (const char *broker_socket,
                            const struct datapath_request *request);
char **arguments_of_relay (const char *plugin_socket,
                           const struct datapath_request *request);

void arguments_free (char ***argv);

#endif /* PULLBACK_ARGUMENTS_H */
