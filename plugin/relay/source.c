/* SPDX-License-Identifier: BSD-3-Clause */
/* Connects to the server for a source, to the map of its export if there is
 * one, and waits for answers no longer than makes sense. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <stdio.h>

#include "common/cleanup.h"
#include "plugin/map-export.h"
#include "plugin/relay/handle.h"
#include "plugin/relay/message.h"
#include "plugin/relay/protocol.h"
#include "plugin/relay/source.h"

int
source_report (const struct source *source, const char *text)
{
  message ("extents of export '%s': %s", source->export, text);
  return -1;
}

/* Runs the connection until 'done' says so.  -1: reported. */
static int
run (struct source *source, bool (*done) (struct nbd_handle *, void *),
     void *opaque)
{
  return handle_run (source->nbd, source->export, done, opaque,
                     &source->is_silent);
}

/* A command that was waited for, and what became of it. */
struct command {
  int64_t number;
  int result;
};

static bool
is_completed (struct nbd_handle *nbd, void *opaque)
{
  struct command *command = opaque;

  command->result = nbd_aio_command_completed (nbd, command->number);
  return command->result != 0;
}

int
source_wait (struct source *source, int64_t number)
{
  struct command command = { .number = number };

  if (number == -1)
    return source_report (source, nbd_get_error ());
  if (run (source, is_completed, &command) == -1)
    return -1;
  return command.result == -1 ? source_report (source, nbd_get_error ()) : 0;
}

static bool
is_idle (struct nbd_handle *nbd, void *opaque)
{
  (void) opaque;
  return nbd_aio_in_flight (nbd) == 0;
}

/* nbdkit 1.32 ends with an assertion when two replies find the connection
 * closed, and takes the connections of all clients with it.  So none is closed
 * before everything was answered, unless nothing is any more. */
void
source_disconnect (struct source *source)
{
  if (source->nbd && nbd_aio_is_ready (source->nbd) && !source->is_silent)
    (void) run (source, is_idle, NULL);
  nbd_close (source->nbd);
  source->nbd = NULL;
  source->windows_ahead = 0;
  source->next_read = source->next_ahead = 0;
  source->is_silent = false;
}

/* An option was answered, one way or the other, or the connection made that
 * options are sent on. */
static bool
is_negotiating (struct nbd_handle *nbd, void *opaque)
{
  (void) opaque;
  return nbd_aio_is_negotiating (nbd) || nbd_aio_is_ready (nbd);
}

static bool
is_ready (struct nbd_handle *nbd, void *opaque)
{
  (void) opaque;
  return nbd_aio_is_ready (nbd);
}

static int
start (struct source *source)
{
  CLEANUP_CLOSE int fd = -1;

  source->nbd = nbd_create ();
  if (source->nbd == NULL)
    return source_report (source, nbd_get_error ());
  fd = address_connect (source->server);
  if (fd == -1)
    return -1;
  if (nbd_set_opt_mode (source->nbd, true) == -1 ||
      nbd_aio_connect_socket (source->nbd, fd) == -1)
    return source_report (source, nbd_get_error ());
  STEAL_FD (fd);
  if (run (source, is_negotiating, NULL) == -1)
    return -1;
  return nbd_aio_is_ready (source->nbd)
             ? source_report (source, "upstream knows no options")
             : 0;
}

/* Opens the map of the export.  0: upstream has none; another export can be
 * opened on this connection.  -1: or none. */
static int
open_map (struct source *source)
{
  char name[NBD_MAX_STRING + 1];

  source->has_map_export = false;
  if (snprintf (name, sizeof name, MAP_EXPORT_PREFIX "%s", source->export) >
      NBD_MAX_STRING)
    return 0;
  if (nbd_set_export_name (source->nbd, name) == -1 ||
      nbd_aio_opt_info (source->nbd, NBD_NULL_COMPLETION) == -1 ||
      run (source, is_negotiating, NULL) == -1)
    return -1;
  /* A server that knows any name is told by the size that it has. */
  if (nbd_get_size (source->nbd) != (int64_t) map_export_size (source->size))
    return 0;
  if (nbd_aio_opt_go (source->nbd, NBD_NULL_COMPLETION) == -1 ||
      run (source, is_ready, NULL) == -1 || !source_check_map (source))
    return -1;
  source->has_map_export = true;
  return 1;
}

static int
open_export (struct source *source)
{
  if (nbd_set_export_name (source->nbd, source->export) == -1 ||
      nbd_add_meta_context (source->nbd, SOURCE_CONTEXT) == -1 ||
      nbd_aio_opt_go (source->nbd, NBD_NULL_COMPLETION) == -1)
    return source_report (source, nbd_get_error ());
  if (run (source, is_ready, NULL) == -1)
    return -1;
  if (nbd_get_size (source->nbd) != (int64_t) source->size)
    return source_report (source,
                          "it has not the size of the export it describes");
  if (nbd_can_meta_context (source->nbd, SOURCE_CONTEXT) != 1)
    return source_report (source, "upstream does not offer " SOURCE_CONTEXT);
  return 0;
}

/* -1: reported. */
static int
connect_source (struct source *source)
{
  if (start (source) == -1)
    return -1;
  switch (open_map (source)) {
  case 1:
    return 0;
  case -1:
    /* Some servers hang up on an export that they do not have. */
    source_disconnect (source);
    if (start (source) == -1)
      return -1;
    break;
  }
  return open_export (source);
}

int
source_fetch (void *opaque, uint64_t offset, uint64_t length,
              struct map_builder *builder)
{
  struct source *source = opaque;
  int result = 0;

  LOCK_IN_SCOPE (&source->lock);
  if (source->nbd == NULL)
    result = connect_source (source);
  if (result == 0)
    result = source->has_map_export
                 ? source_read_map (source, offset, length, builder)
                 : source_ask (source, offset, length, builder);
  if (result == -1)
    source_disconnect (source);
  return result;
}
