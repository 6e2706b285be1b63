/* SPDX-License-Identifier: BSD-3-Clause */
/* Which exports the server behind the relay has: a list shared by all clients,
 * taken anew when someone asks for the list or for an export not in it. */

#ifndef PULLBACK_EXPORTS_H
#define PULLBACK_EXPORTS_H

#include <stdbool.h>

#include "plugin/relay/address.h"
#include "plugin/relay/names.h"

struct exports;

/* 'server' must outlive it.  NULL: errno. */
struct exports *exports_new (const struct address *server);
void exports_free (struct exports *exports);

/* A copy of the list as the server gives it now.  -1: reported. */
int exports_list (struct exports *exports, struct names *names);

/* A copy of a list that has this export in it, if there is one. -1: reported.*/
int exports_list_with (struct exports *exports, const char *name,
                       struct names *names);

/* Whether the server tells base:allocation of an export is in *tells.  -1:
 * reported. */
int exports_tell_allocation (struct exports *exports, const char *export,
                             bool *tells);

#endif /* PULLBACK_EXPORTS_H */
