/* SPDX-License-Identifier: BSD-3-Clause */
/* Which events say that a point in time is lost.  Called on the thread that
 * reads the monitor: looks only at what does not change after the begin. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "controller/capture/internal.h"
#include "controller/qmp/json.h"

static const char *
text (json_object *data, const char *key)
{
  const char *value = qmp_string (data, key);

  return value ? value : "";
}

static bool
is (const char *a, const char *b)
{
  return strcmp (a, b) == 0;
}

/* The events of a job of ours.  A job with sync=none never ends by itself. */
static int
job_reason (const char *event, json_object *data, char **reason)
{
  if (is (event, "BLOCK_JOB_ERROR"))
    return asprintf (reason, "QEMU's backup job failed to %s",
                     text (data, "operation"));
  if (is (event, "BLOCK_JOB_COMPLETED"))
    return asprintf (reason, "QEMU's backup job ended%s%s",
                     *text (data, "error") ? ": " : "", text (data, "error"));
  if (is (event, "BLOCK_JOB_CANCELLED"))
    return asprintf (reason, "QEMU's backup job was cancelled by somebody");
  return 0;
}

static int
disk_reason (const struct captured_disk *disk, const char *event,
             json_object *data, char **reason)
{
  const char *node = text (data, "node-name");

  if (is (text (data, "device"), disk->job))
    return job_reason (event, data, reason);
  if (is (event, "BLOCK_EXPORT_DELETED") && is (text (data, "id"), disk->job))
    return asprintf (reason, "its export was removed by somebody");
  if (is (event, "BLOCK_IO_ERROR") &&
      (is (node, disk->file) || is (node, disk->overlay)))
    return asprintf (reason, "the scratch file failed: %s",
                     text (data, "reason"));
  if (is (event, "BLOCK_WRITE_THRESHOLD") && is (node, disk->file))
    return asprintf (reason, "the scratch file has no more room for what the "
                             "guest overwrites");
  return 0;
}

static const char *
broken_disk (const struct capture *capture, const char *event,
             json_object *data, char **reason)
{
  if (is (event, "")) {
    if (asprintf (reason,
                  "the connection to QEMU is lost: it has ended, or its "
                  "monitor was taken away") < 0)
      *reason = NULL;
    return capture->disks[0].name;
  }
  for (size_t i = 0; i < capture->nr_disks; i++) {
    int r = disk_reason (&capture->disks[i], event, data, reason);

    if (r < 0)
      *reason = NULL;
    if (r != 0)
      return capture->disks[i].name;
  }
  return NULL;
}

/* A QEMU that ends removes its exports one by one. */
static void
explain (char **reason)
{
  free (*reason);
  *reason = strdup ("QEMU has ended: its guest was powered off, or it was told "
                    "to quit");
}

const char *
capture_broken_by (struct capture *capture, const char *event,
                   json_object *data, char **reason)
{
  const char *disk;

  *reason = NULL;
  /* What comes after the alarm is of the guard's doing. */
  if (capture->ending || capture->guard.alarm)
    return NULL;
  /* A QEMU that is not to end with its guest (-no-shutdown) says so, too. */
  if (is (event, "SHUTDOWN"))
    capture->shut_down = true;
  disk = broken_disk (capture, event, data, reason);
  if (disk && capture->shut_down)
    explain (reason);
  if (disk)
    guard_alarm (capture);
  return disk;
}
