/* SPDX-License-Identifier: BSD-3-Clause */
/* The nbdkit plugin: its parameters, and what nbdkit asks of it, answered from
 * exports, pools and maps.  Everything is in parallel, and read-only but for
 * what is reclaimed. */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <libnbd.h>

#include "common/cleanup.h"
#include "plugin/exports.h"
#include "plugin/extents.h"
#include "plugin/map-export.h"
#include "plugin/readable.h"
#include "plugin/upstream.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

#define EXTENTS_AT_ONCE 512
/* As many as the protocol wants at most in a reply. */
#define EXTENTS_MAX (1 << 20)

/* Some servers hang up on reads above this, if they tell no limit. */
#define READ_MAX (32 << 20)

#define TRIM_MAX (UINT64_C (1) << 30)

static char *address; /* the value of uri=, socket= or broker= */
static const char *address_key;
static char *reclaim_folder;

static int
set_address (enum upstream_kind kind, const char *key, const char *value)
{
  if (address) {
    nbdkit_error ("%s= and %s= cannot both be given; one NBD server is enough",
                  address_key, key);
    return -1;
  }
  /* nbdkit changes its folder when it goes into the background. */
  address =
      kind == UPSTREAM_URI ? strdup (value) : nbdkit_absolute_path (value);
  if (address == NULL)
    return -1;
  address_key = key;
  upstream_set (kind, address);
  return 0;
}

static int
set_reclaim (const char *value)
{
  free (reclaim_folder);
  reclaim_folder = nbdkit_absolute_path (value);
  exports_set_reclaim (reclaim_folder);
  return reclaim_folder ? 0 : -1;
}

static int
pullback_config (const char *key, const char *value)
{
  unsigned connections;

  if (strcmp (key, "uri") == 0)
    return set_address (UPSTREAM_URI, "uri", value);
  if (strcmp (key, "socket") == 0)
    return set_address (UPSTREAM_SOCKET, "socket", value);
  if (strcmp (key, "broker") == 0)
    return set_address (UPSTREAM_BROKER, "broker", value);
  if (strcmp (key, "export") == 0)
    return exports_select (value);
  if (strcmp (key, "changes-only") == 0)
    return exports_set_changes_only (value);
  if (strcmp (key, "reclaim") == 0)
    return set_reclaim (value);
  if (strcmp (key, "connections") == 0) {
    if (nbdkit_parse_unsigned ("connections", value, &connections) == -1)
      return -1;
    if (connections < 1 || connections > POOL_CONNECTIONS_MAX) {
      nbdkit_error ("connections=%s: from 1 to %d are possible", value,
                    POOL_CONNECTIONS_MAX);
      return -1;
    }
    exports_set_connections (connections);
    return 0;
  }
  nbdkit_error ("unknown parameter '%s'; 'nbdkit pullback --help' shows those "
                "that there are",
                key);
  return -1;
}

static int
pullback_config_complete (void)
{
  /* Some versions of nbdkit end with the process that started them, asked to or
   * not.  With a broker that must not be: the connections to QEMU stay open. */
  if (upstream_is_late ())
    prctl (PR_SET_PDEATHSIG, 0);
  if (address)
    return 0;
  nbdkit_error ("which NBD server? uri=URI, socket=PATH or broker=PATH says");
  return -1;
}

#define pullback_config_help                                                   \
  "[uri=]URI                  NBD URI of the server: nbd+unix:///?socket=S\n"  \
  "socket=PATH                or the path of its Unix socket\n"                \
  "broker=PATH                or the socket of a process that hands out\n"     \
  "                           connections to it\n"                             \
  "export=NAME                Only this export (may be given repeatedly)\n"    \
  "changes-only=NAME          Of this export the server has only what its\n"   \
  "                           bitmaps tell (may be given repeatedly)\n"        \
  "reclaim=FOLDER             What a client trims is discarded from the\n"     \
  "                           server; files in FOLDER keep what that was\n"    \
  "connections=N              Connections that read an export (default 4)"

static void
pullback_dump_plugin (void)
{
  CLEANUP_NBD_CLOSE struct nbd_handle *nbd = nbd_create ();

  printf ("pullback_version=%s\n", PACKAGE_VERSION);
  if (nbd)
    printf ("pullback_libnbd_version=%s\n", nbd_get_version (nbd));
}

/* While nbdkit can still say on the terminal that there is no such server.  A
 * broker's server may come later: it is asked for when the first client comes.
 */
static int
pullback_get_ready (void)
{
  return upstream_is_late () ? 0 : exports_discover ();
}

static void
pullback_unload (void)
{
  exports_free ();
  free (reclaim_folder);
  free (address);
}

static int
list_view (const struct view *view, void *exports)
{
  CLEANUP_FREE char *name = view_name (view);
  CLEANUP_FREE char *description = view_description (view);

  if (name == NULL || description == NULL) {
    nbdkit_error ("out of memory: %s", strerror (errno));
    return -1;
  }
  return nbdkit_add_export (exports, name, description);
}

static int
pullback_list_exports (int readonly, int is_tls, struct nbdkit_exports *exports)
{
  (void) readonly;
  (void) is_tls;
  if (exports_discover_first () == -1)
    return -1;
  return exports_foreach (list_view, exports);
}

static const char *
pullback_default_export (int readonly, int is_tls)
{
  (void) readonly;
  (void) is_tls;
  return exports_discover_first () == -1 ? NULL : exports_default ();
}

static void *
pullback_open (int readonly)
{
  CLEANUP_FREE struct view *view = malloc (sizeof *view);
  const char *name = nbdkit_export_name ();

  (void) readonly;
  if (view == NULL) {
    nbdkit_error ("out of memory: %s", strerror (errno));
    return NULL;
  }
  if (name == NULL || exports_find (name, view) == -1)
    return NULL;
  return STEAL (view);
}

static void
pullback_close (void *handle)
{
  free (handle);
}

static const char *
pullback_export_description (void *handle)
{
  CLEANUP_FREE char *description = view_description (handle);

  return description ? nbdkit_strdup_intern (description) : NULL;
}

static int64_t
pullback_get_size (void *handle)
{
  const struct view *view = handle;

  return view->is_map ? map_export_size (view->export->size)
                      : view->export->size;
}

static int
pullback_block_size (void *handle, uint32_t *minimum, uint32_t *preferred,
                     uint32_t *maximum)
{
  const struct view *view = handle;

  if (view->is_map) {
    *minimum = *preferred = *maximum = 0;
    return 0;
  }
  *minimum = view->export->minimum;
  *preferred = view->export->preferred;
  *maximum = view->export->maximum;
  return 0;
}

static int
pullback_can_multi_conn (void *handle)
{
  (void) handle;
  return 1;
}

/* nbdkit asks nobody who cannot write whether he can trim. */
static int
can_reclaim (void *handle)
{
  const struct view *view = handle;

  return view->export->reclaim != NULL && !view->is_map;
}

static int
pullback_can_extents (void *handle)
{
  const struct view *view = handle;

  return !view->is_map &&
         (view->kind != VIEW_MAIN || view->export->has_allocation);
}

static int
pullback_can_cache (void *handle)
{
  const struct view *view = handle;

  return view->is_map ? NBDKIT_CACHE_NATIVE : NBDKIT_CACHE_NONE;
}

/* To a client, everything that the protocol has no number for, and that the
 * server of the server is shutting down, is an I/O error. */
static void
set_error (int error)
{
  switch (error) {
  case EPERM:
  case ENOMEM:
  case EINVAL:
  case ENOSPC:
  case EOVERFLOW:
  case ENOTSUP:
    break;
  default:
    error = EIO;
  }
  nbdkit_set_error (error);
}

static struct map *
map_of (const struct view *view)
{
  return view->kind == VIEW_MAIN ? view->export->map : view->bitmap->map;
}

/* The map's flags as those of the view. */
static uint32_t
type_of (const struct view *view, uint32_t flags)
{
  if (view->kind != VIEW_IN_PLACE)
    return flags;
  return flags == EXTENT_HOLE ? EXTENT_HOLE | EXTENT_ZERO : EXTENT_DATA;
}

static int
read_map (const struct view *view, void *buffer, uint32_t count,
          uint64_t offset)
{
  uint32_t flags[MAP_EXPORT_FLAGS + 1];

  for (uint32_t i = 0; i <= MAP_EXPORT_FLAGS; i++)
    flags[i] = type_of (view, i);
  if (map_export_read (map_of (view), view->export->size, flags, buffer, count,
                       offset) == 0)
    return 0;
  set_error (errno);
  return -1;
}

static int
pullback_cache (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  const struct view *view = handle;

  (void) flags;
  if (map_export_cache (map_of (view), count, offset) == 0)
    return 0;
  set_error (errno);
  return -1;
}

static int
read_disk (const struct view *view, void *buffer, uint32_t count,
           uint64_t offset)
{
  const struct export *export = view->export;
  const uint32_t maximum = export->maximum && export->maximum < READ_MAX
                               ? export->maximum
                               : READ_MAX;
  CLEANUP_POOL_GIVE_BACK struct connection *connection =
      pool_borrow (export->data);
  CLEANUP_RECLAIM_LEAVE struct reclaim_user user = { 0 };
  char *bytes = buffer;

  if (connection == NULL) {
    set_error (EIO);
    return -1;
  }
  if (readable_enter (view, &user, offset, count) == -1)
    return -1;
  while (count > 0) {
    uint32_t piece = count < maximum ? count : maximum;

    if (nbd_pread (connection->nbd, bytes, piece, offset, 0) == -1) {
      int error = nbd_get_errno ();

      nbdkit_error ("export '%s': reading %" PRIu32 " bytes at offset %" PRIu64
                    ": %s",
                    export->name, piece, offset, nbd_get_error ());
      set_error (error);
      return -1;
    }
    bytes += piece;
    offset += piece;
    count -= piece;
  }
  return 0;
}

static int
pullback_pread (void *handle, void *buffer, uint32_t count, uint64_t offset,
                uint32_t flags)
{
  const struct view *view = handle;

  (void) flags;
  return view->is_map ? read_map (view, buffer, count, offset)
                      : read_disk (view, buffer, count, offset);
}

static int
pullback_pwrite (void *handle, const void *buffer, uint32_t count,
                 uint64_t offset, uint32_t flags)
{
  (void) handle;
  (void) buffer;
  (void) count;
  (void) offset;
  (void) flags;
  nbdkit_error ("a point in time cannot be written to");
  nbdkit_set_error (EPERM);
  return -1;
}

/* Discards whole clusters from the server, a piece at a time that QEMU, which
 * halves what is larger than 2 GiB, does not split.  If that fails the server
 * keeps them, and they are not served all the same. */
static int
pullback_trim (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  const struct view *view = handle;
  const uint64_t end = (offset + count) & -RECLAIM_CLUSTER;
  CLEANUP_POOL_GIVE_BACK struct connection *connection = NULL;

  (void) flags;
  offset = (offset + RECLAIM_CLUSTER - 1) & -RECLAIM_CLUSTER;
  if (offset >= end)
    return 0;
  reclaim_take (view->export->reclaim, offset, end - offset);
  connection = pool_borrow (view->export->data);
  if (connection == NULL) {
    set_error (EIO);
    return -1;
  }
  for (uint64_t length; offset < end; offset += length) {
    length = end - offset < TRIM_MAX ? end - offset : TRIM_MAX;
    if (nbd_trim (connection->nbd, length, offset, 0) == -1) {
      int error = nbd_get_errno ();

      nbdkit_error ("export '%s': discarding %" PRIu64 " bytes at offset "
                    "%" PRIu64 ": %s",
                    view->export->name, length, offset, nbd_get_error ());
      set_error (error);
      return -1;
    }
  }
  return 0;
}

/* What can be read, as it is now: nothing of it is kept. */
static int
tell_readable (const struct view *view, uint64_t offset, uint64_t end,
               struct nbdkit_extents *answer)
{
  uint64_t run_end;

  for (size_t i = 0; offset < end && i < EXTENTS_MAX; i++, offset = run_end) {
    int can_be_read;

    run_end = end;
    can_be_read = readable (view, offset, &run_end);
    if (can_be_read == -1) {
      set_error (errno);
      return -1;
    }
    if (nbdkit_add_extent (answer, offset, run_end - offset,
                           can_be_read ? EXTENT_DATA : EXTENT_HOLE) == -1)
      return -1;
  }
  return 0;
}

static int
pullback_extents (void *handle, uint32_t count, uint64_t offset, uint32_t flags,
                  struct nbdkit_extents *answer)
{
  const struct view *view = handle;
  struct map_extent extents[EXTENTS_AT_ONCE];
  const size_t at_once = flags & NBDKIT_FLAG_REQ_ONE ? 1 : EXTENTS_AT_ONCE;
  uint64_t end = offset + count;

  if (view->kind == VIEW_READABLE)
    return tell_readable (view, offset, end, answer);
  for (size_t total = 0; offset < end && total < EXTENTS_MAX;) {
    ssize_t got =
        map_query (map_of (view), offset, end - offset, extents, at_once);

    if (got == -1) {
      int error = errno;

      nbdkit_error ("export '%s%s%s': no block status at offset %" PRIu64,
                    view->export->name, view->bitmap ? "@" : "",
                    view->bitmap ? view->bitmap->name : "", offset);
      set_error (error);
      return -1;
    }
    for (ssize_t i = 0; i < got; i++) {
      if (nbdkit_add_extent (answer, offset, extents[i].length,
                             type_of (view, extents[i].flags)) == -1)
        return -1;
      offset += extents[i].length;
    }
    total += got;
    if (flags & NBDKIT_FLAG_REQ_ONE)
      break;
  }
  return 0;
}

static struct nbdkit_plugin plugin = {
  .name = "pullback",
  .longname = "Pullback: points in time of QEMU's disks, and what changed",
  .version = PACKAGE_VERSION,
  .unload = pullback_unload,
  .config = pullback_config,
  .config_complete = pullback_config_complete,
  .config_help = pullback_config_help,
  .magic_config_key = "uri",
  .dump_plugin = pullback_dump_plugin,
  .get_ready = pullback_get_ready,
  .list_exports = pullback_list_exports,
  .default_export = pullback_default_export,
  .open = pullback_open,
  .close = pullback_close,
  .export_description = pullback_export_description,
  .get_size = pullback_get_size,
  .block_size = pullback_block_size,
  .can_multi_conn = pullback_can_multi_conn,
  .can_write = can_reclaim,
  .can_trim = can_reclaim,
  .can_extents = pullback_can_extents,
  .can_cache = pullback_can_cache,
  .pread = pullback_pread,
  .cache = pullback_cache,
  .pwrite = pullback_pwrite,
  .trim = pullback_trim,
  .extents = pullback_extents,
};

/* The macro defines it without. */
extern NBDKIT_DLL_PUBLIC struct nbdkit_plugin *plugin_init (void);

NBDKIT_REGISTER_PLUGIN (plugin)
