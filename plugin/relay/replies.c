/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread that brings the server's replies to one client: small payloads
 * through a buffer, large ones through a pipe by splice(2), never as a whole in
 * memory. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/relay/message.h"
#include "plugin/relay/transmission.h"

/* Up to here a payload is taken in before its reply begins: one write carries
 * header and data, and an error is known in time.  Also the buffer's size. */
#define BUFFER_SIZE (64 * 1024)

/* After which an idle connection gives the buffer's memory back. */
#define IDLE_TIME 1000 /* milliseconds */

/* What the pipe is asked to hold; it works with less. */
#define PIPE_SIZE (1024 * 1024)

enum move_result { MOVED, UPSTREAM_LOST, CLIENT_LOST };

struct mover {
  struct transmission *transmission;
  int server; /* the descriptor; the connection's */
  char *buffer;
  int pipe[2]; /* -1 until needed */
};

/* Blocks for all of it. */
static int
receive (struct mover *mover, void *data, size_t length)
{
  uint8_t *next = data;
  ssize_t r;

  for (; length > 0; next += r, length -= r) {
    r = recv (mover->server, next, length, MSG_WAITALL);
    if (r == -1 && errno == EINTR)
      r = 0;
    else if (r <= 0)
      return -1;
  }
  return 0;
}

/* Until the server sends something.  A thousand clients may be idle: memory is
 * for those that are not. */
static void
wait_idle (struct mover *mover)
{
  struct pollfd server = { .fd = mover->server, .events = POLLIN };

  if (poll (&server, 1, IDLE_TIME) == 0)
    madvise (mover->buffer, BUFFER_SIZE, MADV_DONTNEED);
}

/* The next reply's header.  While none has come, what was held back for the
 * client is sent. */
static enum move_result
receive_header (struct mover *mover, struct nbd_simple_reply *header)
{
  ssize_t r = recv (mover->server, header, sizeof *header, MSG_DONTWAIT);

  if (r == -1 && (errno == EAGAIN || errno == EINTR)) {
    if (reply_flush (&mover->transmission->writer) == -1)
      return CLIENT_LOST;
    wait_idle (mover);
    r = 0;
  }
  else if (r <= 0)
    return UPSTREAM_LOST;
  if (receive (mover, (uint8_t *) header + r, sizeof *header - r) == -1)
    return UPSTREAM_LOST;
  return MOVED;
}

static int
make_pipe (struct mover *mover)
{
  if (mover->pipe[0] >= 0)
    return 0;
  if (pipe2 (mover->pipe, O_CLOEXEC) == -1) {
    mover->pipe[0] = mover->pipe[1] = -1;
    return -1;
  }
  /* More than a user may have is refused; the default is enough to go on. */
  fcntl (mover->pipe[1], F_SETPIPE_SZ, PIPE_SIZE);
  return 0;
}

/* *left bytes from server to client; it says at the end how many the server has
 * not given yet. */
static enum move_result
splice_data (struct mover *mover, uint32_t *left)
{
  struct stream *client = &mover->transmission->connection->stream;
  ssize_t r;

  while (*left > 0) {
    r = splice (mover->server, NULL, mover->pipe[1], NULL, *left,
                SPLICE_F_MOVE);
    if (r == -1 && errno == EINTR)
      continue;
    if (r <= 0)
      return UPSTREAM_LOST;
    *left -= r;
    if (stream_splice (client, mover->pipe[0], r, *left > 0) == -1)
      return CLIENT_LOST;
  }
  return MOVED;
}

static enum move_result
copy_data (struct mover *mover, uint32_t *left)
{
  struct stream *client = &mover->transmission->connection->stream;
  ssize_t r;

  while (*left > 0) {
    r = recv (mover->server, mover->buffer,
              *left < BUFFER_SIZE ? *left : BUFFER_SIZE, 0);
    if (r == -1 && errno == EINTR)
      continue;
    if (r <= 0)
      return UPSTREAM_LOST;
    *left -= r;
    if (stream_write (client, mover->buffer, r) == -1)
      return CLIENT_LOST;
  }
  return MOVED;
}

/* Takes payload from the server that nobody wants any more. */
static void
discard (struct mover *mover, uint32_t length)
{
  uint32_t n;

  for (; length > 0; length -= n) {
    n = length < BUFFER_SIZE ? length : BUFFER_SIZE;
    if (receive (mover, mover->buffer, n) == -1)
      return;
  }
}

/* A chunk that has begun must be completed, with whatever bytes. */
static int
pad (struct mover *mover, uint32_t left)
{
  struct stream *client = &mover->transmission->connection->stream;
  uint32_t n;

  memset (mover->buffer, 0, BUFFER_SIZE);
  for (; left > 0; left -= n) {
    n = left < BUFFER_SIZE ? left : BUFFER_SIZE;
    if (stream_write (client, mover->buffer, n) == -1)
      return -1;
  }
  return 0;
}

/* A payload that is sent on while it comes. */
static enum move_result
stream_payload (struct mover *mover, const struct slot *read,
                enum nbd_error *error)
{
  struct reply_writer *writer = &mover->transmission->writer;
  enum move_result result;
  uint32_t left = read->length;

  if (reply_data_begin (writer, &read->to, read->offset, read->length) == -1)
    result = CLIENT_LOST;
  else if (stream_can_splice (&mover->transmission->connection->stream) &&
           make_pipe (mover) == 0)
    result = splice_data (mover, &left);
  else
    result = copy_data (mover, &left);

  /* Without structured replies there is nothing to pad for. */
  if (result == UPSTREAM_LOST && writer->kind != REPLY_SIMPLE &&
      pad (mover, left) == -1)
    result = CLIENT_LOST;
  if (result == CLIENT_LOST) {
    stream_shutdown (writer->stream);
    pthread_mutex_unlock (&writer->lock);
    discard (mover, left);
    return CLIENT_LOST;
  }
  *error = result == MOVED ? NBD_SUCCESS : NBD_EIO;
  if (reply_data_end (writer, &read->to, *error, read->split == NULL) == -1)
    return CLIENT_LOST;
  return result;
}

/* A payload that is taken in first. */
static enum move_result
buffer_payload (struct mover *mover, const struct slot *read, bool *answered)
{
  *answered = false;
  if (receive (mover, mover->buffer, read->length) == -1)
    return UPSTREAM_LOST;
  *answered = true;
  if (reply_data (&mover->transmission->writer, &read->to, read->offset,
                  mover->buffer, read->length, read->split == NULL) == -1)
    return CLIENT_LOST;
  return MOVED;
}

/* The server's word, if it is one of the protocol's. */
static enum nbd_error
error_from_server (uint32_t error)
{
  switch (error) {
  case NBD_EPERM:
  case NBD_EIO:
  case NBD_ENOMEM:
  case NBD_EINVAL:
  case NBD_ENOSPC:
  case NBD_EOVERFLOW:
  case NBD_ENOTSUP:
  case NBD_ESHUTDOWN:
    return error;
  default:
    return NBD_EIO;
  }
}

/* A read that has no content, or none that is any good.  -1: the client is
 * gone. */
static int
fail_read (struct transmission *transmission, const struct slot *read,
           enum nbd_error error, const char *text)
{
  if (read->split)
    return split_leave (transmission, read->split, error);
  return reply_error (&transmission->writer, &read->to, error, text);
}

/* CACHE, or a piece of it, is done. */
static enum move_result
answer_cache (struct mover *mover, const struct slot *slot)
{
  struct transmission *transmission = mover->transmission;
  const int r = slot->split
                    ? split_leave (transmission, slot->split, NBD_SUCCESS)
                    : reply_success (&transmission->writer, &slot->to);

  return r == -1 ? CLIENT_LOST : MOVED;
}

/* What the server has read.  *answered says whether the client heard of it. */
static enum move_result
move_payload (struct mover *mover, const struct slot *read, bool *answered)
{
  enum nbd_error error = NBD_SUCCESS;
  enum move_result result;

  *answered = true;
  if (read->length <= BUFFER_SIZE)
    result = buffer_payload (mover, read, answered);
  else
    result = stream_payload (mover, read, &error);
  if (*answered && read->split &&
      split_leave (mover->transmission, read->split, error) == -1)
    return CLIENT_LOST;
  return result;
}

/* One reply, from its header to its end. */
static enum move_result
move_reply (struct mover *mover)
{
  struct transmission *transmission = mover->transmission;
  struct nbd_simple_reply header;
  enum move_result result;
  struct slot read;
  bool answered = true;
  uint32_t error;

  result = receive_header (mover, &header);
  if (result != MOVED)
    return result;
  if (be32toh (header.magic) != NBD_SIMPLE_REPLY_MAGIC ||
      !slots_find (transmission, be64toh (header.cookie), &read)) {
    message ("upstream breaks the NBD protocol: a reply to no request");
    return UPSTREAM_LOST;
  }
  error = be32toh (header.error);
  if (error != NBD_SUCCESS)
    result = fail_read (transmission, &read, error_from_server (error),
                        "the server behind the relay cannot read this; see "
                        "its log") == -1
                 ? CLIENT_LOST
                 : MOVED;
  else if (read.type == NBD_CMD_CACHE)
    result = answer_cache (mover, &read);
  else
    result = move_payload (mover, &read, &answered);
  if (answered)
    slots_release (transmission, be64toh (header.cookie));
  return result;
}

/* Everything in flight fails; what was answered before is complete. */
static void
fail_reads (struct transmission *transmission)
{
  struct slot read;

  slots_upstream_gone (transmission);
  while (slots_abandon (transmission, &read))
    if (fail_read (transmission, &read, NBD_EIO,
                   "the server behind the relay was lost") == -1)
      stream_shutdown (&transmission->connection->stream);
  if (reply_flush (&transmission->writer) == -1)
    stream_shutdown (&transmission->connection->stream);
}

/* The client has gone, the server still sends: nbdkit 1.32 aborts, and with it
 * all other clients' connections, when a connection is closed while several
 * replies are under way on it ("Assertion `sock >= 0' failed").  So everything
 * in flight is taken from it first. */
static void
discard_replies (struct mover *mover)
{
  struct nbd_simple_reply header;
  struct slot read;

  while (receive (mover, &header, sizeof header) == 0 &&
         be32toh (header.magic) == NBD_SIMPLE_REPLY_MAGIC &&
         slots_find (mover->transmission, be64toh (header.cookie), &read)) {
    if (header.error == 0)
      discard (mover, slot_payload (&read));
    if (read.split)
      split_leave (mover->transmission, read.split, NBD_EIO);
    slots_release (mover->transmission, be64toh (header.cookie));
  }
}

void *
replies_thread (void *opaque)
{
  struct transmission *transmission = opaque;
  char *buffer = mmap (NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct mover mover = { .transmission = transmission,
                         .server = transmission->connection->upstream.stream.fd,
                         .buffer = buffer,
                         .pipe = { -1, -1 } };
  enum move_result result = buffer != MAP_FAILED ? MOVED : UPSTREAM_LOST;

  while (result == MOVED)
    result = move_reply (&mover);
  if (result == CLIENT_LOST) {
    /* The other thread waits in the client's stream or for a slot. */
    stream_shutdown (&transmission->connection->stream);
    slots_client_gone (transmission);
    discard_replies (&mover);
  }
  /* The server is lost, or disconnected by the other thread. */
  fail_reads (transmission);
  if (mover.pipe[0] >= 0) {
    close (mover.pipe[0]);
    close (mover.pipe[1]);
  }
  if (buffer != MAP_FAILED)
    munmap (buffer, BUFFER_SIZE);
  return NULL;
}
