/* SPDX-License-Identifier: BSD-3-Clause */
/* Tickets of a job that has some. */

#include <config.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/domain/job-kind.h"
#include "controller/domain/tickets.h"

/* NULL: reported. */
static struct tickets *
tickets_of (struct job *job)
{
  struct tickets *tickets = NULL;

  if (job_running (job) && job->kind->tickets)
    tickets = job->kind->tickets (job);
  if (tickets == NULL)
    fail (ERROR_CONFLICT,
          "there is no backup of domain '%s' running that is served with TLS: "
          "tickets are for one that was begun with --ticket or --tls",
          job->domain);
  return tickets;
}

json_object *
job_take_first_ticket (struct job *job)
{
  return STEAL (job->first_ticket);
}

/* The journal that is not written is no reason to take back what is done: it
 * is written again with the next change. */
int
job_add_ticket (struct job *job, json_object *request, json_object **answer)
{
  struct tickets *tickets = tickets_of (job);

  if (tickets == NULL || tickets_add (tickets, request, answer) == -1)
    return -1;
  if (job_save (job) == -1)
    log_line ("%s", error_message ());
  return 0;
}

int
job_revoke_ticket (struct job *job, const char *identity)
{
  struct tickets *tickets = tickets_of (job);

  if (tickets == NULL || tickets_revoke (tickets, identity) == -1)
    return -1;
  if (job_save (job) == -1)
    log_line ("%s", error_message ());
  return 0;
}

json_object *
job_list_tickets (struct job *job)
{
  struct tickets *tickets = tickets_of (job);

  return tickets ? tickets_list (tickets) : NULL;
}
