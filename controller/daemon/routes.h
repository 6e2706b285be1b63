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
  unsigned given, options; /* of enum operation_option: as =true or =false, and
                              those that are true */
  const char *bad_query;   /* a query argument that is none, or NULL */
};

/* The option of that name, as in ?NAME=true; 0: there is none. */
unsigned route_option (const char *name);

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
