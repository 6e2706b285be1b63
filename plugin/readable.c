/* SPDX-License-Identifier: BSD-3-Clause */
/* Which bytes of a view can be read: where the server has only what changed,
 * not those that are clean; and not those that were reclaimed. */

#include "config.h"

#include <errno.h>
#include <inttypes.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "plugin/extents.h"
#include "plugin/readable.h"

static int
is_dirty (const struct bitmap *bitmap, uint64_t offset, uint64_t *end)
{
  struct map_extent extent;

  if (map_query (bitmap->map, offset, *end - offset, &extent, 1) == -1)
    return -1;
  *end = offset + extent.length;
  return extent.flags != EXTENT_HOLE;
}

/* In one of the bitmaps. */
static int
is_dirty_anywhere (const struct export *export, uint64_t offset, uint64_t *end)
{
  for (const struct bitmap *bitmap = export->bitmaps; bitmap;
       bitmap = bitmap->next) {
    int dirty = is_dirty (bitmap, offset, end);

    if (dirty != 0)
      return dirty;
  }
  return 0;
}

int
readable_by_changes (const struct view *view, uint64_t offset, uint64_t *end)
{
  if (!view->export->changes_only)
    return 1;
  return view->bitmap ? is_dirty (view->bitmap, offset, end)
                      : is_dirty_anywhere (view->export, offset, end);
}

int
readable (const struct view *view, uint64_t offset, uint64_t *end)
{
  const int changed = readable_by_changes (view, offset, end);

  if (changed != 1 || view->export->reclaim == NULL)
    return changed;
  return !reclaim_is_gone (view->export->reclaim, offset, end);
}

/* Each is said once: a client that copies everything asks for it all. */

static int
refuse_clean (const struct view *view, uint64_t offset)
{
  if (!atomic_exchange (&view->export->complained_of_clean, true))
    nbdkit_error ("export '%s%s%s': there is only what changed, and offset "
                  "%" PRIu64 " did not; read what is data in the block "
                  "status, in requests that do not reach beyond it",
                  view->export->name, view->bitmap ? "@" : "",
                  view->bitmap ? view->bitmap->name : "", offset);
  nbdkit_set_error (EPERM);
  return -1;
}

static int
refuse_reclaimed (const struct view *view, uint64_t offset)
{
  if (!atomic_exchange (&view->export->complained_of_reclaimed, true))
    nbdkit_error ("export '%s': offset %" PRIu64 " was already read once and "
                  "reclaimed: of a backup with --reclaim every byte can be "
                  "read once",
                  view->export->name, offset);
  nbdkit_set_error (EPERM);
  return -1;
}

/* Bytes that are clean in the view are not those of the point in time, where
 * the server has only what changed: it may refuse to read them, or read what is
 * there now. */
static int
check_changes (const struct view *view, uint64_t offset, uint64_t end)
{
  uint64_t run_end;

  for (; offset < end; offset = run_end) {
    int changed;

    run_end = end;
    changed = readable_by_changes (view, offset, &run_end);
    if (changed == 0)
      return refuse_clean (view, offset);
    if (changed == -1) {
      nbdkit_set_error (EIO);
      return -1;
    }
  }
  return 0;
}

int
readable_enter (const struct view *view, struct reclaim_user *user,
                uint64_t offset, uint32_t length)
{
  uint64_t gone;

  if (check_changes (view, offset, offset + length) == -1)
    return -1;
  if (view->export->reclaim == NULL ||
      reclaim_enter_to_read (view->export->reclaim, user, offset, length,
                             &gone))
    return 0;
  return refuse_reclaimed (view, gone);
}
