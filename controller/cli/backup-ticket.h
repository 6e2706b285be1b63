/* SPDX-License-Identifier: BSD-3-Clause */
/* Tickets on the command line: of backup-begin and of backup-ticket. */

#ifndef PULLBACK_CLI_BACKUP_TICKET_H
#define PULLBACK_CLI_BACKUP_TICKET_H

#include "controller/cli/verb.h"

/* Whether the parameters ask for a ticket, and what for. */
#define TICKET_PARAMETERS                                                      \
  { REPEATED, "export", "EXPORT",                                              \
    "let the ticket's holder see only this one and its views" },               \
      { OPTION, "expires", "SECONDS",                                          \
        "let the ticket end after so long (without: with the backup)" },       \
  {                                                                            \
    OPTION, "key-file", "FILE", "a new file for the ticket's key"              \
  }

/* What they say; *key_file, the caller's, is in it.  -1: reported. */
int ticket_read (const struct invocation *invocation,
                 struct pullback_ticket *ticket, char **key_file);

/* Of which 'option' is needed.  -1: one is given; reported. */
int ticket_refuse_parameters (const struct invocation *invocation,
                              const char *option);

/* What the daemon says of a ticket just made, its key aside. */
int ticket_show (json_object *ticket);

int backup_ticket (struct invocation *invocation);
extern const struct parameter backup_ticket_parameters[];

#endif /* PULLBACK_CLI_BACKUP_TICKET_H */
