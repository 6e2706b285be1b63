/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests that are answered in several pieces: who finishes the last one ends
 * the reply. */

#include "config.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "plugin/relay/transmission.h"

struct split *
split_new (const struct reply_to *to)
{
  struct split *split = calloc (1, sizeof *split);

  if (split) {
    split->to = *to;
    split->pieces = 1;
  }
  return split;
}

/* Whether that was the last. */
static bool
leave (struct transmission *transmission, struct split *split,
       enum nbd_error error)
{
  LOCK_IN_SCOPE (&transmission->lock);
  if (split->error == NBD_SUCCESS)
    split->error = error;
  return --split->pieces == 0;
}

int
split_leave (struct transmission *transmission, struct split *split,
             enum nbd_error error)
{
  struct reply_writer *writer = &transmission->writer;
  int r;

  if (!leave (transmission, split, error))
    return 0;
  if (split->error == NBD_SUCCESS)
    r = reply_success (writer, &split->to);
  else
    r = reply_error (writer, &split->to, split->error,
                     "the server behind the relay cannot do all of this; see "
                     "its log");
  free (split);
  return r;
}
