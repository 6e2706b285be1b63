/* SPDX-License-Identifier: BSD-3-Clause */
/* What the daemon can do, one function an operation: JSON in, JSON out.  The
 * HTTP side maps requests to these and knows nothing else. */

#ifndef PULLBACK_OPERATIONS_H
#define PULLBACK_OPERATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

/* The daemon's folders and the jobs that run; one a process. */
struct service;

struct service_settings {
  const char *state_folder, *run_folder;
  const char *tls_certificates;    /* folder, which need not be there */
  bool tls_any_peer;               /* clients need no certificate */
  const char *const *tls_subjects; /* patterns, up to NULL; none: any */
};

/* State and run folder are made if they are not there; the settings outlive the
 * service.  NULL: reported. */
struct service *service_new (const struct service_settings *settings);
/* Ends nothing that runs: the caller has ended the jobs, or wants to leave
 * them. */
void service_free (struct service *service);
/* Whether a domain is in use or a job runs: the daemon does not end by itself
 * then. */
bool service_busy (struct service *service);
/* Answers the requests that wait for events, and no more can: before the daemon
 * waits for those that run. */
void service_quiesce (struct service *service);
/* Ends every job with an abort, as when the daemon is told to stop. */
void service_stop_jobs (struct service *service);

/* ?NAME=true of a request, but for the last three, which have values. */
enum operation_option {
  OPTION_ABORT = 1 << 0,         /* of a backup's end: keep nothing */
  OPTION_SIZE = 1 << 1,          /* of a checkpoint's XML: with sizes */
  OPTION_NO_DOMAIN = 1 << 2,     /* ... without <domain> */
  OPTION_SECURITY_INFO = 1 << 3, /* ... with secrets, of which there are none */
  OPTION_GENERATION = 1 << 4,    /* ... with Pullback's own element */
  OPTION_CHILDREN = 1 << 5,      /* of a deletion: all descendants, too */
  OPTION_CHILDREN_ONLY = 1 << 6, /* ... all descendants, but not itself */
  OPTION_METADATA = 1 << 7,      /* ... the bitmaps stay */
  OPTION_REQUIRE_COMPLETE = 1 << 8, /* of a backup's end: all was read */
  OPTION_SINCE = 1 << 9,            /* of events: see struct events_query */
  OPTION_WAIT = 1 << 10,
  OPTION_DOMAIN = 1 << 11,
};

struct operation_request {
  const char *domain;     /* from the path; NULL where there is none */
  const char *checkpoint; /* from the path; NULL where there is none */
  const char *ticket;     /* the same */
  json_object *body;      /* NULL if the request has none */
  unsigned options;       /* of enum operation_option */
  int64_t since;          /* with OPTION_SINCE, never negative */
  unsigned wait;          /* with OPTION_WAIT, else 0 */
  const char *only;       /* with OPTION_DOMAIN: that one; else NULL */
};

/* 0 with *reply set (the caller's), or -1 with the error reported.  Called from
 * any thread; operations on one domain wait for one another. */
typedef int (*operation) (struct service *service,
                          const struct operation_request *request,
                          json_object **reply);

int operation_domain_list (struct service *, const struct operation_request *,
                           json_object **);
int operation_domain_add (struct service *, const struct operation_request *,
                          json_object **);
int operation_domain_info (struct service *, const struct operation_request *,
                           json_object **);
int operation_domain_set (struct service *, const struct operation_request *,
                          json_object **);
int operation_domain_remove (struct service *, const struct operation_request *,
                             json_object **);
int operation_checkpoint_list (struct service *,
                               const struct operation_request *,
                               json_object **);
int operation_checkpoint_create (struct service *,
                                 const struct operation_request *,
                                 json_object **);
int operation_checkpoint_info (struct service *,
                               const struct operation_request *,
                               json_object **);
int operation_checkpoint_edit (struct service *,
                               const struct operation_request *,
                               json_object **);
int operation_checkpoint_delete (struct service *,
                                 const struct operation_request *,
                                 json_object **);
int operation_checkpoint_import (struct service *,
                                 const struct operation_request *,
                                 json_object **);
int operation_backup_begin (struct service *, const struct operation_request *,
                            json_object **);
int operation_backup_cut (struct service *, const struct operation_request *,
                          json_object **);
int operation_backup_info (struct service *, const struct operation_request *,
                           json_object **);
int operation_ticket_add (struct service *, const struct operation_request *,
                          json_object **);
int operation_ticket_list (struct service *, const struct operation_request *,
                           json_object **);
int operation_ticket_revoke (struct service *, const struct operation_request *,
                             json_object **);
int operation_backup_end (struct service *, const struct operation_request *,
                          json_object **);
int operation_event_list (struct service *, const struct operation_request *,
                          json_object **);

#endif /* PULLBACK_OPERATIONS_H */
