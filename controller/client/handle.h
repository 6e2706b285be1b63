/* SPDX-License-Identifier: BSD-3-Clause */
/* One HTTP conversation with the daemon: a request out, a JSON text or an error
 * back. */

#ifndef PULLBACK_CLIENT_HANDLE_H
#define PULLBACK_CLIENT_HANDLE_H

#include <json-c/json.h>

#include "controller/client/pullback.h"

/* A path such as /v1/domains/web/backup from segments that end with NULL, each
 * percent-encoded.  The caller's; NULL: reported. */
char *client_path (pullback_handle *handle, ...) __attribute__ ((sentinel));

/* Percent-encoded, as a value of a query.  The caller's; NULL: reported. */
char *client_escape (pullback_handle *handle, const char *text);

/* 'body' is consumed and may be NULL; 'path' is freed and may be NULL (reported
 * by whoever made it).  The answer's text is the caller's; NULL: reported. */
char *client_request (pullback_handle *handle, const char *method, char *path,
                      json_object *body);

#endif /* PULLBACK_CLIENT_HANDLE_H */
