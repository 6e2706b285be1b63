/* SPDX-License-Identifier: BSD-3-Clause */
/* The tickets of a job: a key for TLS each, for all of its exports or some, for
 * as long as the job lives or less.  The relay lets clients in by them; here
 * they are made, kept for a relay that is started again, and taken back.
 *
 * A key stands in its ticket's key file (mode 0600, as nbdinfo and nbdcopy read
 * it), is told once to whoever asked for the ticket, and is neither in a
 * command line nor in a log. */

#ifndef PULLBACK_DOMAIN_TICKETS_H
#define PULLBACK_DOMAIN_TICKETS_H

#include <json-c/json.h>

#include "controller/datapath/datapath.h"
#include "controller/domain/plan.h"

#define MAX_JOB_TICKETS    256
#define MAX_TICKET_SECONDS (366 * 86400)

struct tickets;

/* 'folder' is where key files are made unless told otherwise; it, the plan and
 * the data path stay the caller's.  NULL: reported. */
struct tickets *tickets_new (const char *folder, const struct plan *plan,
                             const struct datapath *datapath);
/* Only the memory, in which keys are erased.  NULL is no error. */
void tickets_free (struct tickets *tickets);

/* Makes one and gives it to the relay.  'request' is {"exports"?: [name ...],
 * "seconds"?: number, "key_file"?: absolute path}, NULL: all and for ever.
 * *answer, the caller's, is the ticket with its key and URIs.  -1: reported,
 * and there is none. */
int tickets_add (struct tickets *tickets, json_object *request,
                 json_object **answer);

/* Takes one back, and removes its key file: its clients are cut off.  -1:
 * reported. */
int tickets_revoke (struct tickets *tickets, const char *identity);

/* An array of those that are valid, without keys; the caller's. */
json_object *tickets_list (struct tickets *tickets);

/* Gives all of them to the relay once more, which may be another one.  -1:
 * reported. */
int tickets_give_again (struct tickets *tickets);

/* What a journal has of them, and back; their key files are added to 'files'.
 * Those whose key files are gone stay gone. */
json_object *tickets_record (const struct tickets *tickets, json_object *files);
int tickets_restore (struct tickets *tickets, json_object *record);

/* All key files, at the end. */
void tickets_remove_files (struct tickets *tickets);

#endif /* PULLBACK_DOMAIN_TICKETS_H */
