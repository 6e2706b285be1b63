/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes image files for QEMU to write to.  We make the file, so that one that
 * is there is never overwritten; QEMU formats what is to be kept. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "controller/capture/image.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"

/* A daemon of root gives the file to whom the image belongs, which is the user
 * that QEMU runs as. */
static int
give_to_owner_of (const char *image, int fd, const struct image *file)
{
  struct stat status;

  if (geteuid () != 0 || !image || stat (image, &status) < 0 ||
      !S_ISREG (status.st_mode))
    return 0;
  if (fchown (fd, status.st_uid, status.st_gid) < 0)
    return fail_errno (ERROR_SYSTEM,
                       "cannot give the %s '%s' to the owner of '%s'",
                       file->what, file->path, image);
  return 0;
}

int
image_create (const struct image *file)
{
  CLEANUP_CLOSE int fd = open (
      file->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

  if (fd < 0)
    return fail_errno (errno == EEXIST ? ERROR_CONFLICT : ERROR_SYSTEM,
                       "cannot make the %s '%s'%s", file->what, file->path,
                       errno == EEXIST
                           ? " (remove it if no backup uses it)"
                           : " (is its folder there, and writable?)");
  if (file->qcow2 ? qcow2_format (fd, file->size) < 0
                  : ftruncate (fd, (off_t) file->size) < 0) {
    fail_errno (ERROR_SYSTEM, "cannot %s the %s '%s'",
                file->qcow2 ? "format" : "size", file->what, file->path);
    unlink (file->path);
    return -1;
  }
  if (give_to_owner_of (file->owner, fd, file) < 0) {
    unlink (file->path);
    return -1;
  }
  return 0;
}

/* The error of a job that has concluded, if it has one. */
static int
read_job_error (struct qmp *qmp, const char *id)
{
  json_object *jobs;
  const char *error;
  int r = qmp_execute (qmp, "query-jobs", NULL, &jobs);

  if (r < 0)
    return r;
  error = qmp_string (qmp_find (jobs, "id", id), "error");
  if (error)
    r = fail (ERROR_QEMU, "blockdev-create: %s", error);
  json_object_put (jobs);
  return r;
}

static int
wait_concluded (struct qmp *qmp, const char *id, unsigned long since)
{
  json_object *data;
  bool concluded = false;

  while (!concluded) {
    if (qmp_wait_event (qmp, &since, "JOB_STATUS_CHANGE", "id", id,
                        qmp_limit_ms (), &data) < 0)
      return -1;
    concluded = qmp_string_is (data, "status", "concluded");
    json_object_put (data);
  }
  return read_job_error (qmp, id);
}

/* Formats the file's node; such a job stays listed until it is dismissed. */
int
image_format_qcow2 (struct qmp *qmp, const char *job, const char *node,
                    uint64_t size)
{
  unsigned long mark = qmp_event_mark (qmp);
  CLEANUP_FREE char *error = NULL;
  enum error_kind kind = ERROR_NONE;

  if (qmp_execute (qmp, "blockdev-create",
                   qmp_object ("job-id", qmp_text (job), "options",
                               qmp_object ("driver", qmp_text ("qcow2"), "file",
                                           qmp_text (node), "size",
                                           qmp_number (size), NULL),
                               NULL),
                   NULL) < 0)
    return -1;
  if (wait_concluded (qmp, job, mark) < 0) {
    error = strdup (error_message ());
    kind = error_kind ();
  }
  if (qmp_execute (qmp, "job-dismiss", qmp_object ("id", qmp_text (job), NULL),
                   NULL) < 0 &&
      kind == ERROR_NONE)
    return -1;
  return kind == ERROR_NONE
             ? 0
             : fail (kind, "%s", error ? error : "out of memory");
}
