/* SPDX-License-Identifier: BSD-3-Clause */
/* A connected byte stream on a socket.  The socket itself is blocking; where a
 * time limit or the drain counts, single calls are made non-blocking and
 * poll(2) waits. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "plugin/relay/stream.h"

/* For the last message of TLS to a client that may not listen. */
#define GOODBYE_LIMIT 1 /* seconds */

void
stream_init (struct stream *stream, int fd, int drain_fd)
{
  memset (stream, 0, sizeof *stream);
  stream->fd = fd;
  stream->drain_fd = drain_fd;
}

void
stream_set_time_limit (struct stream *stream, unsigned seconds)
{
  stream->limited = seconds > 0;
  clock_gettime (CLOCK_MONOTONIC, &stream->deadline);
  stream->deadline.tv_sec += seconds;
}

void
stream_set_idle_limit (struct stream *stream, unsigned seconds)
{
  const unsigned most = 1000000; /* as milliseconds still an int */
  struct timeval time = { .tv_sec = seconds < most ? seconds : most };

  stream->idle = time.tv_sec;
  setsockopt (stream->fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

/* For poll(2): milliseconds to the deadline, or of idling; -1 without one. */
static int
time_left (const struct stream *stream)
{
  struct timespec now;
  int64_t milliseconds;

  if (!stream->limited)
    return stream->idle ? (int) stream->idle * 1000 : -1;
  clock_gettime (CLOCK_MONOTONIC, &now);
  milliseconds = (int64_t) (stream->deadline.tv_sec - now.tv_sec) * 1000 +
                 (stream->deadline.tv_nsec - now.tv_nsec) / 1000000;
  if (milliseconds < 0)
    return 0;
  return milliseconds < 3600000 ? (int) milliseconds : 3600000;
}

/* Until the socket is ready, or the drain begins where that may interrupt. */
static int
wait_until_ready (struct stream *stream, short events, bool interruptible)
{
  struct pollfd fds[2] = {
    { .fd = stream->fd, .events = events },
    { .fd = interruptible ? stream->drain_fd : -1, .events = POLLIN },
  };
  int r = poll (fds, 2, time_left (stream));

  if (r == -1)
    return errno == EINTR ? 0 : -1;
  if (r == 0) {
    errno = interruptible && !stream->limited ? EAGAIN : ETIMEDOUT;
    return -1;
  }
  if (fds[0].revents == 0) {
    errno = ESHUTDOWN;
    return -1;
  }
  return 0;
}

/* At least one byte of the socket's into 'data'. */
static ssize_t
receive_plain (struct stream *stream, void *data, size_t length,
               bool interruptible)
{
  ssize_t r;

  for (;;) {
    r = recv (stream->fd, data, length, MSG_DONTWAIT);
    if (r > 0)
      return r;
    if (r == 0) {
      errno = ECONNRESET;
      return -1;
    }
    if (errno != EAGAIN && errno != EINTR)
      return -1;
    if (errno == EAGAIN &&
        wait_until_ready (stream, POLLIN, interruptible) == -1)
      return -1;
  }
}

/* gnutls asks for bytes.  It can go on later after EAGAIN alone. */
static ssize_t
pull (gnutls_transport_ptr_t opaque, void *data, size_t length)
{
  struct stream *stream = opaque;
  const ssize_t r = receive_plain (stream, data, length, stream->interruptible);

  if (r == -1) {
    stream->pull_error = errno;
    errno = errno == EAGAIN || errno == ESHUTDOWN ? EAGAIN : EIO;
  }
  return r;
}

static ssize_t
receive_tls (struct stream *stream, void *data, size_t length,
             bool interruptible)
{
  ssize_t r;

  stream->interruptible = interruptible;
  stream->pull_error = 0;
  /* It has nothing for us, too, after a message of TLS's own. */
  do
    r = gnutls_record_recv (stream->tls, data, length);
  while ((r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED) &&
         stream->pull_error == 0);
  if (r > 0)
    return r;
  errno = r == 0                    ? ECONNRESET
          : stream->pull_error != 0 ? stream->pull_error
                                    : EPROTO;
  return -1;
}

/* At least one byte into 'data'. */
static ssize_t
receive (struct stream *stream, void *data, size_t length, bool interruptible)
{
  return stream->tls ? receive_tls (stream, data, length, interruptible)
                     : receive_plain (stream, data, length, interruptible);
}

int
stream_read (struct stream *stream, void *data, size_t length)
{
  uint8_t *next = data;
  bool begun = false;
  ssize_t r;
  size_t n;

  while (length > 0) {
    n = stream->end - stream->start;
    if (n > 0) {
      n = n < length ? n : length;
      memcpy (next, stream->buffer + stream->start, n);
      stream->start += n;
    }
    else if (length >= sizeof stream->buffer) {
      r = receive (stream, next, length, !begun);
      if (r == -1)
        return -1;
      n = r;
    }
    else {
      r = receive (stream, stream->buffer, sizeof stream->buffer, !begun);
      if (r == -1)
        return -1;
      stream->start = 0;
      stream->end = r;
      continue;
    }
    begun = true;
    next += n;
    length -= n;
  }
  return 0;
}

int
stream_skip (struct stream *stream, uint64_t length)
{
  uint8_t scrap[4096];
  size_t n;

  for (; length > 0; length -= n) {
    n = length < sizeof scrap ? length : sizeof scrap;
    if (stream_read (stream, scrap, n) == -1)
      return -1;
  }
  return 0;
}

bool
stream_has_unread (const struct stream *stream)
{
  return stream->end > stream->start;
}

/* Takes what was written off the front of the parts. */
static void
advance (struct iovec **parts, int *count, size_t written)
{
  while (*count > 0 && written >= (*parts)->iov_len) {
    written -= (*parts)->iov_len;
    (*parts)++;
    (*count)--;
  }
  if (*count > 0) {
    (*parts)->iov_base = (uint8_t *) (*parts)->iov_base + written;
    (*parts)->iov_len -= written;
  }
}

static int
write_plain (struct stream *stream, struct iovec *parts, int count)
{
  const int flags = MSG_NOSIGNAL | (stream->limited ? MSG_DONTWAIT : 0);
  ssize_t r;

  advance (&parts, &count, 0);
  while (count > 0) {
    struct msghdr header = { .msg_iov = parts, .msg_iovlen = count };

    r = sendmsg (stream->fd, &header, flags);
    if (r >= 0)
      advance (&parts, &count, r);
    else if (errno == EAGAIN && !stream->limited) {
      errno = ETIMEDOUT; /* SO_SNDTIMEO */
      return -1;
    }
    else if (errno == EAGAIN) {
      if (wait_until_ready (stream, POLLOUT, false) == -1)
        return -1;
    }
    else if (errno != EINTR)
      return -1;
  }
  return 0;
}

/* gnutls has bytes to send. */
static ssize_t
push (gnutls_transport_ptr_t opaque, const void *data, size_t length)
{
  struct iovec part = { .iov_base = (void *) data, .iov_len = length };

  if (write_plain (opaque, &part, 1) == -1) {
    errno = EIO;
    return -1;
  }
  return length;
}

/* Corked, so that header and data share a record. */
static int
write_tls (struct stream *stream, const struct iovec *parts, int count)
{
  gnutls_record_cork (stream->tls);
  for (int i = 0; i < count; i++)
    if (parts[i].iov_len > 0 &&
        gnutls_record_send (stream->tls, parts[i].iov_base, parts[i].iov_len) <
            0) {
      errno = EPROTO;
      return -1;
    }
  if (gnutls_record_uncork (stream->tls, GNUTLS_RECORD_WAIT) < 0) {
    errno = EPROTO;
    return -1;
  }
  return 0;
}

int
stream_writev (struct stream *stream, struct iovec *parts, int count)
{
  uint64_t length = 0;

  for (int i = 0; i < count; i++)
    length += parts[i].iov_len;
  if ((stream->tls ? write_tls (stream, parts, count)
                   : write_plain (stream, parts, count)) == -1)
    return -1;
  stream->written += length;
  return 0;
}

/* TCP's window counts what the peer's system has and its program has not taken
 * yet; its scale, told once, says how large it can ever be. */
static uint64_t
largest_window (const struct stream *stream)
{
  struct tcp_info info = { 0 };
  socklen_t length = sizeof info;

  if (getsockopt (stream->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == -1)
    return 0; /* not TCP: the bytes stay in our socket until they are taken */
  return UINT64_C (65535) << info.tcpi_snd_wscale;
}

uint64_t
stream_capacity (const struct stream *stream)
{
  int buffer = 0;
  socklen_t length = sizeof buffer;

  getsockopt (stream->fd, SOL_SOCKET, SO_SNDBUF, &buffer, &length);
  return buffer + largest_window (stream);
}

void
stream_set_tls (struct stream *stream, gnutls_session_t session)
{
  stream->tls = session;
  gnutls_transport_set_ptr (session, stream);
  gnutls_transport_set_pull_function (session, pull);
  gnutls_transport_set_push_function (session, push);
}

bool
stream_is_over (const struct stream *stream)
{
  return stream->pull_error != 0;
}

void
stream_end_tls (struct stream *stream)
{
  if (stream->tls == NULL)
    return;
  stream_set_time_limit (stream, GOODBYE_LIMIT);
  gnutls_bye (stream->tls, GNUTLS_SHUT_WR);
  gnutls_deinit (stream->tls);
  stream->tls = NULL;
}

bool
stream_can_splice (const struct stream *stream)
{
  return stream->tls == NULL;
}

int
stream_write (struct stream *stream, const void *data, size_t length)
{
  struct iovec part = { .iov_base = (void *) data, .iov_len = length };

  return stream_writev (stream, &part, 1);
}

int
stream_splice (struct stream *stream, int pipe_fd, size_t length, bool more)
{
  ssize_t r;

  while (length > 0) {
    r = splice (pipe_fd, NULL, stream->fd, NULL, length,
                SPLICE_F_MOVE | (more ? SPLICE_F_MORE : 0));
    if (r > 0) {
      length -= r;
      stream->written += r;
    }
    else if (r == 0 || errno != EINTR)
      return -1;
  }
  return 0;
}

void
stream_shutdown (struct stream *stream)
{
  shutdown (stream->fd, SHUT_RDWR);
}
