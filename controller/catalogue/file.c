/* SPDX-License-Identifier: BSD-3-Clause */
/* Files below the state folder: written whole or not at all, read within a
 * limit, removed. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "controller/catalogue/catalogue.h"
#include "controller/catalogue/folder.h"
#include "controller/common/error.h"

/* -1 with errno. */
static int
write_all (int fd, const char *data, size_t size)
{
  while (size > 0) {
    ssize_t written = write (fd, data, size);

    if (written < 0) {
      if (errno == EINTR)
        continue;
      return -1;
    }
    data += written;
    size -= written;
  }
  return 0;
}

/* The file that will take the name; -1 with errno. */
static int
write_temporary (char *temporary, const void *data, size_t size)
{
  CLEANUP_CLOSE int fd = mkostemp (temporary, O_CLOEXEC); /* mode 0600 */

  if (fd < 0)
    return -1;
  if (write_all (fd, data, size) < 0 || fsync (fd) < 0 ||
      close (STEAL_FD (fd)) < 0) {
    int saved = errno;

    unlink (temporary);
    errno = saved;
    return -1;
  }
  return 0;
}

int
write_file_atomically (const char *path, const void *data, size_t size)
{
  const char *slash = strrchr (path, '/');
  CLEANUP_FREE char *folder = NULL;
  CLEANUP_FREE char *temporary = NULL;

  folder =
      slash ? strndup (path, slash == path ? 1 : slash - path) : strdup (".");
  if (!folder || asprintf (&temporary, "%s/.new-XXXXXX", folder) < 0) {
    temporary = NULL;
    return fail_errno (ERROR_SYSTEM, "cannot write %s", path);
  }
  if (write_temporary (temporary, data, size) < 0)
    return fail_errno (ERROR_SYSTEM, "cannot write %s", path);
  if (rename (temporary, path) < 0) {
    int saved = errno;

    unlink (temporary);
    errno = saved;
    return fail_errno (ERROR_SYSTEM, "cannot write %s", path);
  }
  return sync_folder (folder);
}

int
remove_file (const char *path)
{
  if (unlink (path) == 0)
    return 1;
  return errno == ENOENT ? 0
                         : fail_errno (ERROR_SYSTEM, "cannot remove %s", path);
}

/* Reads up to 'room' bytes; -1 with errno. */
static ssize_t
read_all (int fd, char *data, size_t room)
{
  size_t size = 0;

  while (size < room) {
    ssize_t got = read (fd, data + size, room - size);

    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    size += got;
  }
  return size;
}

int
read_file (const char *path, size_t limit, char **data, size_t *size)
{
  /* O_NONBLOCK: a FIFO in its place must not block the daemon. */
  CLEANUP_CLOSE int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  CLEANUP_FREE char *buffer = NULL;
  struct stat status;
  ssize_t got;

  if (fd < 0 && errno == ENOENT)
    return 0;
  if (fd < 0 || fstat (fd, &status) < 0)
    return fail_errno (ERROR_SYSTEM, "cannot read %s", path);
  if (!S_ISREG (status.st_mode))
    return fail (ERROR_SYSTEM, "cannot read %s: it is not a file", path);
  if (status.st_size > (off_t) limit)
    return fail (ERROR_SYSTEM, "cannot read %s: it is longer than %zu bytes",
                 path, limit);
  buffer = malloc (status.st_size + 1);
  got = buffer ? read_all (fd, buffer, status.st_size) : -1;
  if (got < 0)
    return fail_errno (ERROR_SYSTEM, "cannot read %s", path);
  buffer[got] = '\0';
  *data = STEAL (buffer);
  *size = got;
  return 1;
}
