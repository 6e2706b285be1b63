/* SPDX-License-Identifier: BSD-3-Clause */
/* The scratch file of a disk, where QEMU copies old data before the guest
 * overwrites it, and the nodes on it.  We make and remove the file, QEMU only
 * opens it. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "controller/capture/internal.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"

/* A daemon of root gives the file to whom the image belongs, which is the user
 * that QEMU runs as. */
static int
give_to_owner_of (const char *image, int fd, const char *path)
{
  struct stat status;

  if (geteuid () != 0 || !image || stat (image, &status) < 0 ||
      !S_ISREG (status.st_mode))
    return 0;
  if (fchown (fd, status.st_uid, status.st_gid) < 0)
    return fail_errno (ERROR_SYSTEM,
                       "cannot give the scratch file '%s' to the owner of '%s'",
                       path, image);
  return 0;
}

static int
create_file (const struct capture_disk *disk, uint64_t size)
{
  CLEANUP_CLOSE int fd = open (
      disk->scratch, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

  if (fd < 0)
    return fail_errno (errno == EEXIST ? ERROR_CONFLICT : ERROR_SYSTEM,
                       "cannot make the scratch file '%s'%s", disk->scratch,
                       errno == EEXIST
                           ? " (remove it if no backup uses it)"
                           : " (is the scratch folder there, and writable?)");
  if (ftruncate (fd, (off_t) size) < 0) {
    fail_errno (ERROR_SYSTEM, "cannot size the scratch file '%s'",
                disk->scratch);
    unlink (disk->scratch);
    return -1;
  }
  if (give_to_owner_of (disk->disk->file, fd, disk->scratch) < 0) {
    unlink (disk->scratch);
    return -1;
  }
  return 0;
}

/* What is in a scratch file need not outlive QEMU: it is never flushed. */
static json_object *
never_flushed (void)
{
  return qmp_object ("no-flush", qmp_flag (true), NULL);
}

int
scratch_make (struct capture *capture, struct captured_disk *disk,
              uint64_t size)
{
  if (create_file (disk->request, size) < 0)
    return -1;
  if (undo_push (&capture->made, UNDO_FILE, disk->request->scratch, NULL) < 0) {
    unlink (disk->request->scratch);
    return -1;
  }
  disk->target = disk->file;
  return capture_make (capture, UNDO_NODE, disk->file, NULL, "blockdev-add",
                       qmp_object ("driver", qmp_text ("file"), "node-name",
                                   qmp_text (disk->file), "filename",
                                   qmp_text (disk->request->scratch), "cache",
                                   never_flushed (), "discard",
                                   qmp_text ("unmap"), NULL));
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
    if (qmp_wait_event (qmp, &since, "JOB_STATUS_CHANGE", "id", id, 30000,
                        &data) < 0)
      return -1;
    concluded = qmp_string_is (data, "status", "concluded");
    json_object_put (data);
  }
  return read_job_error (qmp, id);
}

/* Formats the file's node; such a job stays listed until it is dismissed. */
static int
create_qcow2 (struct capture *capture, struct captured_disk *disk)
{
  unsigned long mark = qmp_event_mark (capture->qmp);
  CLEANUP_FREE char *error = NULL;
  enum error_kind kind = ERROR_NONE;

  if (qmp_execute (
          capture->qmp, "blockdev-create",
          qmp_object ("job-id", qmp_text (disk->job), "options",
                      qmp_object ("driver", qmp_text ("qcow2"), "file",
                                  qmp_text (disk->file), "size",
                                  qmp_number (disk->request->disk->size), NULL),
                      NULL),
          NULL) < 0)
    return -1;
  if (wait_concluded (capture->qmp, disk->job, mark) < 0) {
    error = strdup (error_message ());
    kind = error_kind ();
  }
  if (qmp_execute (capture->qmp, "job-dismiss",
                   qmp_object ("id", qmp_text (disk->job), NULL), NULL) < 0 &&
      kind == ERROR_NONE)
    return -1;
  return kind == ERROR_NONE
             ? 0
             : fail (kind, "%s", error ? error : "out of memory");
}

int
scratch_make_overlay (struct capture *capture, struct captured_disk *disk)
{
  if (scratch_make (capture, disk, 0) < 0 || create_qcow2 (capture, disk) < 0)
    return -1;
  disk->target = disk->overlay;
  return capture_make (
      capture, UNDO_NODE, disk->overlay, NULL, "blockdev-add",
      qmp_object ("driver", qmp_text ("qcow2"), "node-name",
                  qmp_text (disk->overlay), "file", qmp_text (disk->file),
                  "backing", qmp_text (disk->request->disk->node), "cache",
                  never_flushed (), "discard", qmp_text ("unmap"), NULL));
}
