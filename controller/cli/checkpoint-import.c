/* SPDX-License-Identifier: BSD-3-Clause */
/* The verb that makes checkpoints of bitmaps that are in the images. */

#include <config.h>

#include <stdio.h>

#include "controller/cli/checkpoint.h"
#include "controller/cli/reply.h"

int
checkpoint_import (struct invocation *invocation)
{
  CLEANUP_REPLY json_object *reply = NULL;
  bool dry_run = is_given (invocation, "dry-run");
  size_t i;

  if (reply_take (invocation,
                  pullback_checkpoint_import (
                      invocation->handle, value_of (invocation, "domain"),
                      values_of (invocation, "checkpoint"), dry_run),
                  &reply) == -1)
    return -1;
  if (reply == NULL)
    return 0;
  for (i = 0; i < reply_count (reply, "imported"); i++)
    printf (dry_run ? "Domain checkpoint %s can be imported\n"
                    : "Domain checkpoint %s imported\n",
            reply_text (reply_item (reply, "imported", i), "name"));
  for (i = 0; i < reply_count (reply, "skipped"); i++) {
    json_object *skipped = reply_item (reply, "skipped", i);

    printf ("Bitmap %s not imported: %s\n", reply_text (skipped, "name"),
            reply_text (skipped, "reason"));
  }
  return 0;
}
