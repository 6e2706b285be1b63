/* SPDX-License-Identifier: BSD-3-Clause */
/* Speaks with a guest agent: one command at a time, each within a time limit,
 * after a synchronization that tells its answers from older ones. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"
#include "controller/qmp/stream.h"
#include "controller/quiesce/agent.h"

/* No JSON has this byte: the agent forgets what it has of a command when it
 * reads it, and sends it before the answer to guest-sync-delimited. */
#define DELIMITER '\xff'

struct agent {
  char *path;
  int fd;
  bool closed;
  struct qmp_stream stream;
};

void
agent_close (struct agent *agent)
{
  if (agent == NULL)
    return;
  qmp_stream_close (&agent->stream);
  if (agent->fd >= 0)
    close (agent->fd);
  free (agent->path);
  free (agent);
}

bool
agent_is_closed (const struct agent *agent)
{
  return agent->closed;
}

bool
agent_is_gone (const char *path)
{
  CLEANUP_CLOSE int fd = qmp_socket_open (path, 1);

  return fd == -1 && (errno == ENOENT || errno == ECONNREFUSED);
}

static int
fail_connect (const char *path)
{
  if (errno == ENAMETOOLONG)
    return fail (ERROR_INVALID,
                 "the path of the guest agent's socket is too long: '%s'",
                 path);
  if (errno == ENOENT || errno == ECONNREFUSED)
    return fail_errno (
        ERROR_QEMU,
        "the guest agent's socket '%s' is not there; QEMU makes it by -chardev "
        "socket,path=...,server=on,wait=off and a virtserialport named "
        "org.qemu.guest_agent.0",
        path);
  return fail_errno (ERROR_QEMU,
                     "cannot connect to the guest agent's socket "
                     "'%s'",
                     path);
}

static int
fail_status (struct agent *agent, enum qmp_stream_status status,
             const char *command)
{
  agent->closed = status != STREAM_TIMEOUT;
  switch (status) {
  case STREAM_TIMEOUT:
    return fail (ERROR_QEMU,
                 "%s: the guest agent at '%s' did not answer in time: is "
                 "qemu-guest-agent running in the guest, and nobody else "
                 "connected to its socket?",
                 command, agent->path);
  case STREAM_GARBAGE:
    return fail (ERROR_QEMU, "%s: what answers at '%s' is no guest agent",
                 command, agent->path);
  default:
    return fail (ERROR_QEMU, "%s: the guest agent's socket '%s' was closed",
                 command, agent->path);
  }
}

static int
send_text (struct agent *agent, const char *text, size_t size)
{
  if (qmp_socket_send (agent->fd, text, size) == 0)
    return 0;
  agent->closed = true;
  return fail_errno (
      ERROR_QEMU, "cannot write to the guest agent's socket '%s'", agent->path);
}

static int
send_command (struct agent *agent, const char *command, json_object *arguments)
{
  json_object *message =
      qmp_object ("execute", qmp_text (command), "arguments", arguments, NULL);
  CLEANUP_FREE char *line = NULL;
  int r = asprintf (
      &line, "%s\n",
      json_object_to_json_string_ext (message, JSON_C_TO_STRING_PLAIN));

  json_object_put (message);
  if (r == -1) {
    line = NULL;
    return fail_errno (ERROR_SYSTEM, "guest agent");
  }
  return send_text (agent, line, strlen (line));
}

static bool
answers (json_object *answer, uint64_t id)
{
  json_object *value;

  return json_object_object_get_ex (answer, "return", &value) &&
         json_object_is_type (value, json_type_int) &&
         json_object_get_uint64 (value) == id;
}

int
agent_synchronize (struct agent *agent, int limit_ms)
{
  static const char name[] = "guest-sync-delimited";
  const struct timespec deadline = qmp_deadline (limit_ms);
  const char delimiter = DELIMITER;
  enum qmp_stream_status status;
  json_object *answer;
  uint64_t id;
  bool found = false;

  if (getrandom (&id, sizeof id, 0) != sizeof id)
    return fail_errno (ERROR_SYSTEM, "random number");
  id >>= 12; /* exact in any JSON */
  if (send_text (agent, &delimiter, 1) == -1 ||
      send_command (agent, name, qmp_object ("id", qmp_number (id), NULL)) ==
          -1)
    return -1;
  while (!found) {
    status = qmp_stream_skip (&agent->stream, DELIMITER, &deadline);
    if (status == STREAM_MESSAGE)
      status = qmp_stream_next (&agent->stream, &deadline, &answer);
    if (status == STREAM_GARBAGE)
      continue;
    if (status != STREAM_MESSAGE)
      return fail_status (agent, status, name);
    found = answers (answer, id);
    json_object_put (answer);
  }
  return 0;
}

static int
execute (struct agent *agent, const char *command, int limit_ms,
         json_object **result)
{
  const struct timespec deadline = qmp_deadline (limit_ms);
  enum qmp_stream_status status;
  json_object *answer;
  int r;

  if (send_command (agent, command, NULL) == -1)
    return -1;
  status = qmp_stream_next (&agent->stream, &deadline, &answer);
  if (status != STREAM_MESSAGE)
    return fail_status (agent, status, command);
  r = qmp_read_answer (command, answer, result);
  json_object_put (answer);
  return r;
}

static int
execute_count (struct agent *agent, const char *command, int limit_ms)
{
  json_object *result;
  int64_t count;

  if (execute (agent, command, limit_ms, &result) == -1)
    return -1;
  count = json_object_is_type (result, json_type_int)
              ? json_object_get_int64 (result)
              : -1;
  json_object_put (result);
  if (count < 0 || count > INT_MAX)
    return fail (ERROR_QEMU, "%s: the guest agent answered without a number",
                 command);
  return (int) count;
}

int
agent_is_frozen (struct agent *agent, int limit_ms)
{
  static const char name[] = "guest-fsfreeze-status";
  json_object *result;
  const char *text;
  int frozen = -1;

  if (execute (agent, name, limit_ms, &result) == -1)
    return -1;
  text = json_object_is_type (result, json_type_string)
             ? json_object_get_string (result)
             : "";
  if (strcmp (text, "frozen") == 0)
    frozen = 1;
  if (strcmp (text, "thawed") == 0)
    frozen = 0;
  json_object_put (result);
  return frozen >= 0
             ? frozen
             : fail (ERROR_QEMU,
                     "%s: the guest agent answered neither frozen nor thawed",
                     name);
}

int
agent_freeze (struct agent *agent, int limit_ms)
{
  return execute_count (agent, "guest-fsfreeze-freeze", limit_ms);
}

int
agent_thaw (struct agent *agent, int limit_ms)
{
  return execute_count (agent, "guest-fsfreeze-thaw", limit_ms);
}

struct agent *
agent_open (const char *path, int limit_ms)
{
  CLEANUP_AGENT struct agent *agent = calloc (1, sizeof *agent);

  if (agent == NULL || (agent->path = strdup (path)) == NULL) {
    free (STEAL (agent));
    fail_errno (ERROR_SYSTEM, "guest agent");
    return NULL;
  }
  agent->fd = qmp_socket_open (path, limit_ms / 1000 + 1);
  if (agent->fd < 0) {
    fail_connect (path);
    return NULL;
  }
  if (qmp_stream_open (&agent->stream, agent->fd) < 0 ||
      agent_synchronize (agent, limit_ms) < 0)
    return NULL;
  return STEAL (agent);
}
