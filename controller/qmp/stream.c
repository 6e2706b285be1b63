/* SPDX-License-Identifier: BSD-3-Clause */
/* The stream of QMP messages: JSON objects one after another, parsed as the
 * bytes come, each bounded in size and depth. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "controller/common/error.h"
#include "controller/qmp/internal.h"

/* query-qmp-schema answers with about 250 kB; a list of nodes with long backing
 * chains can be larger, and each image of a chain nests two levels. */
#define MAX_MESSAGE (16 * 1024 * 1024)
#define MAX_DEPTH   512

struct timespec
qmp_deadline (int milliseconds)
{
  struct timespec when;

  clock_gettime (CLOCK_MONOTONIC, &when);
  when.tv_sec += milliseconds / 1000;
  when.tv_nsec += (milliseconds % 1000) * 1000000L;
  if (when.tv_nsec >= 1000000000) {
    when.tv_sec++;
    when.tv_nsec -= 1000000000;
  }
  return when;
}

int
qmp_stream_open (struct qmp_stream *stream, int fd)
{
  stream->fd = fd;
  stream->message_bytes = stream->start = stream->end = 0;
  stream->tokener = json_tokener_new_ex (MAX_DEPTH);
  if (!stream->tokener)
    return fail (ERROR_SYSTEM, "out of memory");
  json_tokener_set_flags (
      stream->tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
  return 0;
}

void
qmp_stream_close (struct qmp_stream *stream)
{
  if (stream->tokener)
    json_tokener_free (stream->tokener);
  stream->tokener = NULL;
}

/* Waits until there is something to read. */
static enum qmp_stream_status
wait_readable (int fd, const struct timespec *deadline)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
  struct timespec now;
  long left;
  int r;

  do {
    clock_gettime (CLOCK_MONOTONIC, &now);
    left = (deadline->tv_sec - now.tv_sec) * 1000 +
           (deadline->tv_nsec - now.tv_nsec) / 1000000;
    if (left <= 0)
      return STREAM_TIMEOUT;
    r = poll (&poll_fd, 1, (int) left);
  } while (r == 0 || (r < 0 && errno == EINTR));
  return r < 0 ? STREAM_END : STREAM_MESSAGE;
}

static enum qmp_stream_status
fill (struct qmp_stream *stream, const struct timespec *deadline)
{
  enum qmp_stream_status status;
  ssize_t r;

  if (deadline) {
    status = wait_readable (stream->fd, deadline);
    if (status != STREAM_MESSAGE)
      return status;
  }
  do
    r = recv (stream->fd, stream->buffer, sizeof stream->buffer, 0);
  while (r < 0 && errno == EINTR);
  if (r <= 0)
    return STREAM_END;
  stream->start = 0;
  stream->end = r;
  return STREAM_MESSAGE;
}

/* Parses what is in the buffer: a message, more is needed (END), or garbage. */
static enum qmp_stream_status
parse (struct qmp_stream *stream, json_object **message)
{
  json_object *object;
  enum json_tokener_error error;

  object =
      json_tokener_parse_ex (stream->tokener, stream->buffer + stream->start,
                             (int) (stream->end - stream->start));
  error = json_tokener_get_error (stream->tokener);
  if (error == json_tokener_continue) {
    stream->message_bytes += stream->end - stream->start;
    stream->start = stream->end;
    return stream->message_bytes > MAX_MESSAGE ? STREAM_GARBAGE : STREAM_END;
  }
  stream->message_bytes = 0;
  if (error != json_tokener_success)
    return STREAM_GARBAGE;
  stream->start += json_tokener_get_parse_end (stream->tokener);
  if (!json_object_is_type (object, json_type_object)) {
    json_object_put (object);
    return STREAM_GARBAGE;
  }
  *message = object;
  return STREAM_MESSAGE;
}

enum qmp_stream_status
qmp_stream_next (struct qmp_stream *stream, const struct timespec *deadline,
                 json_object **message)
{
  enum qmp_stream_status status;

  for (;;) {
    if (stream->start < stream->end) {
      status = parse (stream, message);
      if (status != STREAM_END)
        return status;
    }
    status = fill (stream, deadline);
    if (status != STREAM_MESSAGE)
      return status;
  }
}
