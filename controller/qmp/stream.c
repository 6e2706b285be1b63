/* SPDX-License-Identifier: BSD-3-Clause */
/* The stream of messages: a socket, JSON objects one after another, parsed as
 * the bytes come, each bounded in size and depth. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"
#include "controller/qmp/stream.h"

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

enum qmp_stream_status
qmp_stream_skip (struct qmp_stream *stream, char byte,
                 const struct timespec *deadline)
{
  json_tokener_reset (stream->tokener);
  stream->message_bytes = 0;
  for (;;) {
    const char *unread = stream->buffer + stream->start;
    const char *found = memchr (unread, byte, stream->end - stream->start);
    enum qmp_stream_status status;

    if (found) {
      stream->start += found + 1 - unread;
      return STREAM_MESSAGE;
    }
    stream->start = stream->end;
    status = fill (stream, deadline);
    if (status != STREAM_MESSAGE)
      return status;
  }
}

int
qmp_socket_open (const char *path, time_t seconds)
{
  const struct timeval limit = { .tv_sec = seconds };
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  CLEANUP_CLOSE int fd = -1;
  int r;

  if (strlen (path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy (address.sun_path, path);
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  /* A full queue of waiting clients blocks connect, too. */
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  do
    r = connect (fd, (struct sockaddr *) &address, sizeof address);
  while (r < 0 && errno == EINTR);
  return r < 0 ? -1 : STEAL_FD (fd);
}

int
qmp_socket_send (int fd, const char *text, size_t size)
{
  while (size > 0) {
    ssize_t r = send (fd, text, size, MSG_NOSIGNAL);

    if (r < 0 && errno == EINTR)
      continue;
    if (r < 0)
      return -1;
    text += r;
    size -= r;
  }
  return 0;
}

int
qmp_read_answer (const char *name, json_object *answer, json_object **result)
{
  json_object *value;
  const char *text;

  if (json_object_object_get_ex (answer, "return", &value)) {
    *result = json_object_get (value);
    return 0;
  }
  text = json_object_object_get_ex (answer, "error", &value)
             ? qmp_string (value, "desc")
             : NULL;
  return fail (ERROR_QEMU, "%s: %s", name,
               text ? text : "the answer has neither return nor error");
}
