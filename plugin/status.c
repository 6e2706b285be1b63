/* SPDX-License-Identifier: BSD-3-Clause */
/* Block status with many requests in flight on one borrowed connection.  The
 * questions form a ring: new ones enter at the tail as long as there is room,
 * finished ones leave at the head, so that the answer is in order. */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "common/cleanup.h"
#include "plugin/pool.h"
#include "plugin/status.h"

/* QEMU works on 16 requests of a connection at a time; the others wait in its
 * socket, which hides the way there and back. */
#define IN_FLIGHT 32

/* One question covers no more: below 2^32, as a request without extended
 * headers is, and so little that an answer can be in one piece. */
#define QUESTION_MAX (UINT64_C (1) << 31)

struct question {
  struct conversation *conversation;
  size_t number;
  struct range wanted;
  struct ranges answer; /* that cannot be told yet */
  uint64_t covered;
  uint64_t covered_before; /* when it was last asked */
  bool in_flight;
  int error; /* errno of what went wrong, 0 if nothing did */
};

struct conversation {
  struct connection *connection;
  const struct ranges *wanted;
  struct ranges *answer;
  size_t next;        /* of those wanted, and how much of it was asked about */
  uint64_t next_part; /* in questions before */
  struct question ring[IN_FLIGHT];
  size_t asked;    /* questions that entered the ring, ever */
  size_t finished; /* and that left it */
};

int
ranges_append (struct ranges *ranges, uint64_t offset, uint64_t length,
               uint32_t flags)
{
  struct range *last = ranges->count ? &ranges->items[ranges->count - 1] : NULL;

  if (last && last->offset + last->length == offset && last->flags == flags) {
    last->length += length;
    return 0;
  }
  if (ranges->count == ranges->allocated) {
    size_t wanted = ranges->allocated ? ranges->allocated * 2 : 16;
    struct range *items = realloc (ranges->items, wanted * sizeof *items);

    if (items == NULL)
      return -1;
    ranges->items = items;
    ranges->allocated = wanted;
  }
  ranges->items[ranges->count++] =
      (struct range){ .offset = offset, .length = length, .flags = flags };
  return 0;
}

static int
ranges_move (struct ranges *from, struct ranges *to)
{
  for (size_t i = 0; i < from->count; i++)
    if (ranges_append (to, from->items[i].offset, from->items[i].length,
                       from->items[i].flags) == -1)
      return -1;
  from->count = 0;
  return 0;
}

/* Where the question's answer goes: that of the first one is told at once.
 * NULL: out of memory. */
static struct ranges *
place_of_answer (struct question *question)
{
  struct conversation *conversation = question->conversation;

  if (question->number != conversation->finished)
    return &question->answer;
  return ranges_move (&question->answer, conversation->answer) == -1
             ? NULL
             : conversation->answer;
}

/* Takes in the extents that a server sent, which may be too few or reach too
 * far.  libnbd calls it with the handle locked. */
static int
take_extents (void *opaque, const char *context, uint64_t offset,
              uint32_t *entries, size_t count, int *error)
{
  struct question *question = opaque;
  const struct range *wanted = &question->wanted;
  struct ranges *answer = place_of_answer (question);

  (void) context;
  (void) error;
  if (offset != wanted->offset + question->covered) {
    question->error = EPROTO;
    return 0;
  }
  for (size_t i = 0; i + 1 < count; i += 2) {
    uint64_t length = entries[i];

    if (length == 0) {
      question->error = EPROTO;
      return 0;
    }
    if (length > wanted->length - question->covered)
      length = wanted->length - question->covered;
    if (length == 0)
      break;
    if (answer == NULL ||
        ranges_append (answer, wanted->offset + question->covered, length,
                       entries[i + 1]) == -1) {
      question->error = ENOMEM;
      return 0;
    }
    question->covered += length;
  }
  return 0;
}

static int
finish_command (void *opaque, int *error)
{
  struct question *question = opaque;

  question->in_flight = false;
  if (question->error == 0)
    question->error = *error;
  return 1;
}

static struct question *
question_at (struct conversation *conversation, size_t number)
{
  return &conversation->ring[number % IN_FLIGHT];
}

/* Asks for the part of the question that is not covered yet. */
static void
ask (struct conversation *conversation, struct question *question)
{
  int64_t cookie;

  question->in_flight = true;
  question->covered_before = question->covered;
  cookie = nbd_aio_block_status (
      conversation->connection->nbd,
      question->wanted.length - question->covered,
      question->wanted.offset + question->covered,
      (nbd_extent_callback){ .callback = take_extents, .user_data = question },
      (nbd_completion_callback){ .callback = finish_command,
                                 .user_data = question },
      0);
  if (cookie == -1) {
    question->in_flight = false;
    question->error = nbd_get_errno () ?: EIO;
  }
}

/* The next part of what is wanted. */
static struct range
next_question (struct conversation *conversation)
{
  struct range part = conversation->wanted->items[conversation->next];

  part.offset += conversation->next_part;
  part.length -= conversation->next_part;
  if (part.length > QUESTION_MAX) {
    part.length = QUESTION_MAX;
    conversation->next_part += QUESTION_MAX;
  }
  else {
    conversation->next++;
    conversation->next_part = 0;
  }
  return part;
}

static bool
is_all_asked (const struct conversation *conversation)
{
  return conversation->next == conversation->wanted->count;
}

static void
ask_new_questions (struct conversation *conversation)
{
  while (!is_all_asked (conversation) &&
         conversation->asked - conversation->finished < IN_FLIGHT) {
    struct question *question = question_at (conversation, conversation->asked);

    question->conversation = conversation;
    question->number = conversation->asked;
    question->wanted = next_question (conversation);
    question->answer.count = 0;
    question->covered = 0;
    question->error = 0;
    conversation->asked++;
    ask (conversation, question);
  }
}

static int
report (const struct question *question, const char *what)
{
  int error = question->error;

  nbdkit_error ("block status of %" PRIu64 " bytes at offset %" PRIu64
                ": %s%s%s",
                question->wanted.length, question->wanted.offset, what,
                *what ? ": " : "", strerror (error));
  errno = error;
  return -1;
}

/* Goes through the questions that are in the ring: those answered in part are
 * asked on, those at the head that are finished leave it. */
static int
collect (struct conversation *conversation)
{
  size_t number = conversation->finished;

  for (; number < conversation->asked; number++) {
    struct question *question = question_at (conversation, number);

    if (question->in_flight)
      continue;
    if (question->error)
      return report (question, "");
    if (question->covered < question->wanted.length) {
      /* A success that covers nothing would be asked for ever. */
      if (question->covered == question->covered_before) {
        question->error = EPROTO;
        return report (question, "the server sent no extent");
      }
      ask (conversation, question);
      continue;
    }
    if (number > conversation->finished)
      continue;

    if (ranges_move (&question->answer, conversation->answer) == -1) {
      question->error = ENOMEM;
      return report (question, "");
    }
    conversation->finished++;
  }
  return 0;
}

static bool
is_anything_in_flight (const struct conversation *conversation)
{
  for (size_t i = 0; i < IN_FLIGHT; i++)
    if (conversation->ring[i].in_flight)
      return true;
  return false;
}

/* Waits for news.  -1: the connection is dead, nothing reported. */
static int
wait_for_replies (struct conversation *conversation)
{
  struct nbd_handle *nbd = conversation->connection->nbd;

  if (!is_anything_in_flight (conversation))
    return 0;
  if (nbd_poll (nbd, -1) == -1 || nbd_aio_is_dead (nbd) == 1 ||
      nbd_aio_is_closed (nbd) == 1)
    return -1;
  return 0;
}

static int
converse (struct conversation *conversation)
{
  while (!is_all_asked (conversation) ||
         conversation->finished < conversation->asked) {
    ask_new_questions (conversation);
    if (wait_for_replies (conversation) == -1) {
      nbdkit_error ("block status: the connection to the NBD server is gone: "
                    "%s",
                    nbd_get_error () ?: "closed");
      errno = EIO;
      return -1;
    }
    if (collect (conversation) == -1)
      return -1;
  }
  return 0;
}

/* No command may outlive the questions that its callbacks write to. */
static void
drain (struct conversation *conversation)
{
  while (is_anything_in_flight (conversation))
    if (wait_for_replies (conversation) == -1) {
      pool_break (conversation->connection);
      return;
    }
}

int
status_ask (struct pool *pool, const struct ranges *wanted,
            struct ranges *answer)
{
  CLEANUP_POOL_GIVE_BACK struct connection *connection = NULL;
  struct conversation conversation = { .wanted = wanted, .answer = answer };
  int result, saved_errno;

  if (wanted->count == 0)
    return 0;
  connection = pool_borrow (pool);
  if (connection == NULL) {
    errno = EIO;
    return -1;
  }
  conversation.connection = connection;
  result = converse (&conversation);
  saved_errno = errno;
  drain (&conversation);
  for (size_t i = 0; i < IN_FLIGHT; i++)
    free (conversation.ring[i].answer.items);
  errno = saved_errno;
  return result;
}
