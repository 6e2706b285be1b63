/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands: sent by any thread, which then waits until the connection's reader
 * thread has the answers. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/qmp/internal.h"

/* A command without an answer for this long is given up. */
static int limit_ms = 30000;

void
qmp_set_limit (unsigned seconds)
{
  limit_ms = (int) seconds * 1000;
}

int
qmp_limit_ms (void)
{
  return limit_ms;
}

/* A command that waits for its answer, on the stack of who waits. */
struct pending {
  struct pending *next;
  uint64_t id;
  json_object *answer; /* NULL: none yet */
};

/* Gives an answer to whom waits for it; late ones are dropped.  The message
 * goes over whole: json-c's reference counts need not be atomic, so that an
 * object is never shared between threads. */
void
qmp_take_answer (struct qmp *qmp, json_object *message)
{
  json_object *id = NULL;

  pthread_mutex_lock (&qmp->lock);
  json_object_object_get_ex (message, "id", &id);
  for (struct pending *p = qmp->pending; id && p; p = p->next)
    if (p->id == json_object_get_uint64 (id) && !p->answer) {
      p->answer = STEAL (message);
      pthread_cond_broadcast (&qmp->changed);
      break;
    }
  pthread_mutex_unlock (&qmp->lock);
  json_object_put (message);
}

/* A socket that takes nothing for long (SO_SNDTIMEO) is an error. */
static int
send_text (struct qmp *qmp, const char *text, size_t size)
{
  if (qmp_socket_send (qmp->fd, text, size) == 0)
    return 0;
  if (errno == EPIPE || errno == ECONNRESET)
    return 0; /* the reader says so to who waits for the answer */
  fail_errno (ERROR_QEMU, "cannot write to the monitor '%s'", qmp->path);
  /* Half a command may be on its way: nothing can follow it. */
  shutdown (qmp->fd, SHUT_RDWR);
  return -1;
}

/* The text of a command with its id; consumes the arguments.  QEMU reads it
 * byte by byte, at 5 us each: it has none too many. */
static int
append_command (struct qmp *qmp, struct qmp_command *command, uint64_t id,
                FILE *text)
{
  json_object *message = json_object_new_object ();

  if (!message) {
    json_object_put (command->arguments);
    command->arguments = NULL;
    return fail (ERROR_SYSTEM, "out of memory");
  }
  json_object_object_add (message, "execute",
                          json_object_new_string (command->name));
  if (command->arguments)
    json_object_object_add (message, "arguments", command->arguments);
  command->arguments = NULL;
  json_object_object_add (message, "id", json_object_new_uint64 (id));
  fprintf (text, "%s\n",
           json_object_to_json_string_ext (message,
                                           JSON_C_TO_STRING_PLAIN |
                                               JSON_C_TO_STRING_NOSLASHESCAPE));
  json_object_put (message);
  if (ferror (text))
    return fail (ERROR_SYSTEM, "out of memory writing to the monitor '%s'",
                 qmp->path);
  return 0;
}

/* Numbers the commands, lists them as pending and sends them. */
static int
send_commands (struct qmp *qmp, struct qmp_command *commands, size_t count,
               struct pending *pending)
{
  CLEANUP_FREE char *text = NULL;
  CLEANUP_FCLOSE FILE *stream = NULL;
  size_t size = 0;
  int r = 0;

  LOCK_IN_SCOPE (&qmp->send_lock);
  stream = open_memstream (&text, &size);
  pthread_mutex_lock (&qmp->lock);
  for (size_t i = 0; i < count; i++) {
    pending[i].id = qmp->next_id++;
    pending[i].next = qmp->pending;
    qmp->pending = &pending[i];
  }
  pthread_mutex_unlock (&qmp->lock);
  for (size_t i = 0; i < count; i++) {
    if (!stream || r < 0) {
      json_object_put (commands[i].arguments);
      commands[i].arguments = NULL;
    }
    else
      r = append_command (qmp, &commands[i], pending[i].id, stream);
  }
  if (!stream || fflush (stream) != 0)
    return fail (ERROR_SYSTEM, "out of memory");
  return r < 0 ? -1 : send_text (qmp, text, size);
}

static int
fail_no_answer (struct qmp *qmp, const char *name)
{
  if (qmp->lost)
    fail (ERROR_QEMU, "%s: %s", name, qmp->lost);
  else
    fail (ERROR_QEMU,
          "%s: QEMU did not answer on the monitor '%s' within %d seconds", name,
          qmp->path, limit_ms / 1000);
  return QMP_NO_ANSWER;
}

/* Waits for one answer; the lock is held. */
static int
wait_answer (struct qmp *qmp, const char *name, struct pending *pending,
             const struct timespec *deadline)
{
  int r = 0;

  while (!pending->answer && !qmp->lost && r != ETIMEDOUT)
    r = pthread_cond_timedwait (&qmp->changed, &qmp->lock, deadline);
  return pending->answer ? 0 : fail_no_answer (qmp, name);
}

static void
forget_pending (struct qmp *qmp, struct pending *pending, size_t count)
{
  LOCK_IN_SCOPE (&qmp->lock);
  for (struct pending **p = &qmp->pending; *p;) {
    if (*p >= pending && *p < pending + count)
      *p = (*p)->next;
    else
      p = &(*p)->next;
  }
}

/* Waits for all answers and takes them apart; the first error is reported. */
static int
read_answers (struct qmp *qmp, struct qmp_command *commands, size_t count,
              struct pending *pending, size_t *failed)
{
  CLEANUP_FREE char *first_error = NULL;
  enum error_kind first_kind = ERROR_NONE;
  struct timespec deadline;
  int r, result = 0;
  LOCK_IN_SCOPE (&qmp->lock);

  for (size_t i = 0; i < count; i++) {
    /* Who has not answered in time is not given more of it. */
    if (i == 0 || commands[i - 1].outcome != QMP_NO_ANSWER)
      deadline = qmp_deadline (limit_ms);
    r = wait_answer (qmp, commands[i].name, &pending[i], &deadline);
    if (r == 0)
      r = qmp_read_answer (commands[i].name, pending[i].answer,
                           &commands[i].result);
    commands[i].outcome = r;
    if (r == 0 || result != 0)
      continue;
    result = r;
    first_error = strdup (error_message ());
    first_kind = error_kind ();
    *failed = i;
  }
  if (result != 0)
    fail (first_kind, "%s", first_error ? first_error : "out of memory");
  return result;
}

int
qmp_execute_all (struct qmp *qmp, struct qmp_command *commands, size_t count,
                 size_t *failed)
{
  CLEANUP_FREE struct pending *pending = calloc (count + 1, sizeof *pending);
  int r = QMP_NO_ANSWER;

  for (size_t i = 0; i < count; i++) {
    commands[i].result = NULL;
    commands[i].outcome = pending ? QMP_NO_ANSWER : -1;
  }
  *failed = 0;
  if (!pending) {
    for (size_t i = 0; i < count; i++)
      json_object_put (commands[i].arguments);
    return fail (ERROR_SYSTEM, "out of memory");
  }
  if (send_commands (qmp, commands, count, pending) == 0)
    r = read_answers (qmp, commands, count, pending, failed);
  forget_pending (qmp, pending, count);
  for (size_t i = 0; i < count; i++)
    json_object_put (pending[i].answer);
  return r;
}

int
qmp_execute (struct qmp *qmp, const char *command, json_object *arguments,
             json_object **result)
{
  struct qmp_command one = { .name = command, .arguments = arguments };
  size_t failed;
  int r = qmp_execute_all (qmp, &one, 1, &failed);

  if (r < 0)
    return r;
  if (result)
    *result = one.result;
  else
    json_object_put (one.result);
  return 0;
}
