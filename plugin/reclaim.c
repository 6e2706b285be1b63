/* SPDX-License-Identifier: BSD-3-Clause */
/* Which clusters are reclaimed: a bit for each, in a file that is mapped, so
 * that a process that is started in the place of one that died knows, too. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "common/cleanup.h"
#include "plugin/reclaim.h"

struct reclaim {
  pthread_mutex_t lock;
  pthread_cond_t left; /* a user has */
  /* Under the lock: */
  struct reclaim_user *users;
  uint8_t *bits;
  size_t size; /* of them, in bytes */
};

static int
report (const char *path)
{
  nbdkit_error ("reclaim=: '%s': %s", path, strerror (errno));
  return -1;
}

/* Room for all bits is reserved: a mapped file that cannot grow is a signal. */
static int
open_bits (const char *path, off_t size)
{
  CLEANUP_CLOSE int fd =
      open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  struct stat status;
  int error;

  if (fd == -1 || fstat (fd, &status) == -1)
    return report (path);
  if (status.st_size != 0 && status.st_size != size) {
    nbdkit_error ("reclaim=: '%s' is of an export of another size", path);
    return -1;
  }
  error = posix_fallocate (fd, 0, size);
  if (error) {
    errno = error;
    return report (path);
  }
  return STEAL_FD (fd);
}

static int
map_bits (struct reclaim *reclaim, const char *path)
{
  CLEANUP_CLOSE int fd = open_bits (path, reclaim->size);
  void *bits;

  if (fd == -1)
    return -1;
  bits = mmap (NULL, reclaim->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (bits == MAP_FAILED)
    return report (path);
  reclaim->bits = bits;
  return 0;
}

struct reclaim *
reclaim_new (const char *folder, const char *export_name, uint64_t size)
{
  CLEANUP_FREE char *path = NULL;
  struct reclaim *reclaim = calloc (1, sizeof *reclaim);

  if (reclaim == NULL ||
      asprintf (&path, "%s/%s.reclaimed", folder, export_name) == -1) {
    nbdkit_error ("reclaim=%s: %s", folder, strerror (errno));
    path = NULL;
    free (reclaim);
    return NULL;
  }
  pthread_mutex_init (&reclaim->lock, NULL);
  pthread_cond_init (&reclaim->left, NULL);
  reclaim->size = size / RECLAIM_CLUSTER / 8 + 1;
  if (strchr (export_name, '/'))
    nbdkit_error ("reclaim=%s: the name of export '%s' cannot be a file's",
                  folder, export_name);
  else if (map_bits (reclaim, path) == 0)
    return reclaim;
  reclaim_free (reclaim);
  return NULL;
}

void
reclaim_free (struct reclaim *reclaim)
{
  if (reclaim == NULL)
    return;
  if (reclaim->bits)
    munmap (reclaim->bits, reclaim->size);
  pthread_cond_destroy (&reclaim->left);
  pthread_mutex_destroy (&reclaim->lock);
  free (reclaim);
}

static bool
is_set (const struct reclaim *reclaim, uint64_t cluster)
{
  return reclaim->bits[cluster / 8] >> cluster % 8 & 1;
}

/* The lock is held. */
static bool
is_gone (const struct reclaim *reclaim, uint64_t offset, uint64_t *end)
{
  uint64_t cluster = offset / RECLAIM_CLUSTER;
  const bool gone = is_set (reclaim, cluster);

  while (++cluster * RECLAIM_CLUSTER < *end)
    if (is_set (reclaim, cluster) != gone) {
      *end = cluster * RECLAIM_CLUSTER;
      break;
    }
  return gone;
}

bool
reclaim_is_gone (struct reclaim *reclaim, uint64_t offset, uint64_t *end)
{
  LOCK_IN_SCOPE (&reclaim->lock);
  return is_gone (reclaim, offset, end);
}

/* The lock is held. */
static void
add_user (struct reclaim *reclaim, struct reclaim_user *user, uint64_t offset,
          uint64_t length)
{
  *user = (struct reclaim_user){ .reclaim = reclaim,
                                 .offset = offset,
                                 .end = offset + length,
                                 .next = reclaim->users };
  reclaim->users = user;
}

void
reclaim_enter (struct reclaim *reclaim, struct reclaim_user *user,
               uint64_t offset, uint64_t length)
{
  LOCK_IN_SCOPE (&reclaim->lock);
  add_user (reclaim, user, offset, length);
}

bool
reclaim_enter_to_read (struct reclaim *reclaim, struct reclaim_user *user,
                       uint64_t offset, uint64_t length, uint64_t *gone)
{
  const uint64_t end = offset + length;
  uint64_t position = offset, run_end;

  LOCK_IN_SCOPE (&reclaim->lock);
  for (; position < end; position = run_end) {
    run_end = end;
    if (is_gone (reclaim, position, &run_end)) {
      *gone = position;
      return false;
    }
  }
  add_user (reclaim, user, offset, length);
  return true;
}

void
reclaim_leave (struct reclaim_user *user)
{
  struct reclaim *reclaim = user->reclaim;
  struct reclaim_user **place;

  if (reclaim == NULL)
    return;
  LOCK_IN_SCOPE (&reclaim->lock);
  for (place = &reclaim->users; *place != user; place = &(*place)->next)
    ;
  *place = user->next;
  pthread_cond_broadcast (&reclaim->left);
}

/* The lock is held. */
static bool
is_in_use (const struct reclaim *reclaim, uint64_t offset, uint64_t end)
{
  for (const struct reclaim_user *user = reclaim->users; user;
       user = user->next)
    if (user->offset < end && offset < user->end)
      return true;
  return false;
}

void
reclaim_take (struct reclaim *reclaim, uint64_t offset, uint64_t length)
{
  const uint64_t end = offset + length;

  LOCK_IN_SCOPE (&reclaim->lock);
  for (uint64_t c = offset / RECLAIM_CLUSTER; c < end / RECLAIM_CLUSTER; c++)
    reclaim->bits[c / 8] |= 1 << c % 8;
  while (is_in_use (reclaim, offset, end))
    pthread_cond_wait (&reclaim->left, &reclaim->lock);
}
