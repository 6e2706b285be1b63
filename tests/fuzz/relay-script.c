/* SPDX-License-Identifier: BSD-3-Clause */
/* The server behind the relay that follows a script. */

#include "config.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "plugin/relay/protocol.h"
#include "tests/fuzz/relay-script.h"

/* For the relay to say something; it may be waiting for us instead, and then it
 * is not waited for again. */
#define PATIENCE 20000 /* microseconds */

enum action {
  ACTION_SEND,
  ACTION_WAIT,
  ACTION_ZEROES,
  ACTION_NEXT,
  ACTION_ANSWER,
  ACTION_COUNT,
};

struct step {
  enum action action;
  const uint8_t *bytes;
  size_t length;
};

/* false: there is none left. */
static bool
next_step (struct script *script, struct step *step)
{
  size_t size = 1;

  if (script->length == 0)
    return false;
  step->action = script->bytes[0] % ACTION_COUNT;
  step->length = 0;
  if (step->action != ACTION_WAIT && step->action != ACTION_NEXT) {
    if (script->length < 3)
      return false;
    size = 3;
    step->length = script->bytes[1] << 8 | script->bytes[2];
  }
  step->bytes = script->bytes + size;
  if (step->action == ACTION_SEND || step->action == ACTION_ANSWER) {
    if (step->length > script->length - size)
      step->length = script->length - size;
    size += step->length;
  }
  script->bytes += size;
  script->length -= size;
  return true;
}

static bool
send_all (int fd, const uint8_t *bytes, size_t length)
{
  ssize_t r;

  for (; length > 0; bytes += r, length -= r) {
    r = send (fd, bytes, length, MSG_NOSIGNAL);
    if (r <= 0)
      return false;
  }
  return true;
}

static bool
send_zeroes (int fd, size_t length)
{
  static const uint8_t zeroes[65536];
  size_t n;

  for (; length > 0; length -= n) {
    n = length < sizeof zeroes ? length : sizeof zeroes;
    if (!send_all (fd, zeroes, n))
      return false;
  }
  return true;
}

/* The next 'length' bytes of the relay's; false: they do not come.  recv(2)
 * waits for nothing, too. */
static bool
hear (int fd, void *data, size_t length)
{
  return length == 0 ||
         recv (fd, data, length, MSG_WAITALL) == (ssize_t) length;
}

/* One message of the relay's, which are always whole: the flags that it greets
 * with, an option or a request.  false: none comes. */
static bool
hear_message (int fd, bool *greeted, uint64_t *cookie)
{
  union {
    uint32_t flags;
    struct nbd_option_header option;
    struct nbd_request request;
    uint8_t bytes[65536];
  } message;
  const bool had_greeted = *greeted;

  *greeted = true;
  if (!had_greeted)
    return hear (fd, &message, sizeof message.flags);
  if (!hear (fd, &message, sizeof message.option))
    return false;
  if (be64toh (message.option.magic) == NBD_OPTION_MAGIC)
    return hear (fd, &message, be32toh (message.option.length));
  *cookie = message.request.cookie;
  return hear (fd, &message, sizeof message.request - sizeof message.option);
}

/* A reply, simple or structured, has the cookie at the same place. */
static bool
send_answer (int fd, const struct step *step, uint64_t cookie)
{
  const size_t place = offsetof (struct nbd_simple_reply, cookie);

  if (step->length < sizeof (struct nbd_simple_reply))
    return send_all (fd, step->bytes, step->length);
  return send_all (fd, step->bytes, place) &&
         send_all (fd, (const uint8_t *) &cookie, sizeof cookie) &&
         send_all (fd, step->bytes + place + sizeof cookie,
                   step->length - place - sizeof cookie);
}

void
script_serve (const void *opaque, unsigned number, int fd)
{
  struct script script = *(const struct script *) opaque;
  struct step step = { 0 };
  const struct timeval patience = { .tv_usec = PATIENCE };
  bool going = true, greeted = false, patient = true;
  uint64_t cookie = 0;

  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);

  while (number > 0 && next_step (&script, &step))
    if (step.action == ACTION_NEXT)
      number--;
  while (going && next_step (&script, &step) && step.action != ACTION_NEXT)
    switch (step.action) {
    case ACTION_SEND:
      going = send_all (fd, step.bytes, step.length);
      break;
    case ACTION_ANSWER:
      going = send_answer (fd, &step, cookie);
      break;
    case ACTION_ZEROES:
      going = send_zeroes (fd, step.length * 16);
      break;
    default:
      patient = patient && hear_message (fd, &greeted, &cookie);
    }
}
