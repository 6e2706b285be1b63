/* SPDX-License-Identifier: BSD-3-Clause */
/* The first words with a monitor: its socket and its greeting. */

#ifndef PULLBACK_QMP_CONNECT_H
#define PULLBACK_QMP_CONNECT_H

#include <json-c/json.h>

#include "controller/qmp/internal.h"

/* A connected socket, or -1 with the error reported. */
int qmp_socket_connect (const char *path);

/* The greeting, the caller's; NULL: reported (busy, not QMP, closed). */
json_object *qmp_greeting (struct qmp_stream *stream, const char *path);

/* Whether it offers to read commands while it executes one ("oob"). */
bool qmp_greeting_offers_oob (json_object *greeting);

/* major * 1000 + minor, and the text "7.2.22" (the caller's). */
int qmp_greeting_version (json_object *greeting, int *version, char **text);

#endif /* PULLBACK_QMP_CONNECT_H */
