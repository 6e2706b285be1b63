/* SPDX-License-Identifier: BSD-3-Clause */
/* From a request to an operation and back to a status and a JSON body: the
 * whole of docs/api.md that is not HTTP itself. */

#ifndef PULLBACK_ROUTES_H
#define PULLBACK_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "controller/domain/operations.h"

struct route_request {
  const char *method;
  const char *path; /* percent-encoded, as on the wire, without the query */
  const char *body;
  size_t body_size;
  /* What route_argument makes of the query. */
  unsigned given, options; /* of enum operation_option: all, and those that are
                              true or have a value */
  int64_t since;
  unsigned wait;
  const char *only;      /* percent-encoded */
  const char *bad_query; /* an argument that is none, or NULL */
};

/* Takes an argument of the query, ?KEY=VALUE; 'value' may be NULL.  Both stay
 * the caller's and live as long as the request. */
void route_argument (struct route_request *request, const char *key,
                     const char *value);

struct route_reply {
  unsigned status;
  json_object *body; /* the caller's; never NULL */
  char allow[64];    /* with 405: the methods there are, else "" */
};

/* Always fills in a reply; an error becomes one. */
void route (struct service *service, const struct route_request *request,
            struct route_reply *reply);

/* An error's body as docs/api.md has it, the caller's. */
json_object *route_error (const char *kind, const char *message);

#endif /* PULLBACK_ROUTES_H */
