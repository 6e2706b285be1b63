/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of backup-begin that are about scratch files. */

#ifndef PULLBACK_CLI_SCRATCH_H
#define PULLBACK_CLI_SCRATCH_H

#include "controller/cli/verb.h"
#include "controller/client/pullback.h"

/* What the options of the request point to. */
struct scratch_options {
  char *folder;
  char **folders; /* "DISK=FOLDER", ends with NULL */
  unsigned reserve;
};

/* Sets the members of 'options' that are about scratch files.  -1: reported;
 * 'scratch' is to be cleared all the same. */
int scratch_options_read (const struct invocation *invocation,
                          struct scratch_options *scratch,
                          struct pullback_backup_options *options);
void scratch_options_clear (struct scratch_options *scratch);
#define CLEANUP_SCRATCH_OPTIONS                                                \
  __attribute__ ((cleanup (scratch_options_clear)))

/* For the table of parameters. */
#define SCRATCH_PARAMETERS                                                     \
  { REPEATED, "scratch", "[DISK=]FOLDER",                                      \
    "where scratch files are made, or that of one disk" },                     \
      { OPTION, "scratch-limit", "SIZE",                                       \
        "give the backup up where they would take more, such as 20G" },        \
  {                                                                            \
    OPTION, "scratch-reserve", "PERCENT",                                      \
        "how much of what can be copied there must be room for (without: 5)"   \
  }

#endif /* PULLBACK_CLI_SCRATCH_H */
