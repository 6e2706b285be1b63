/* SPDX-License-Identifier: BSD-3-Clause */
/* Reaches a monitor and tells apart the ways in which that fails, since each
 * has another remedy. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/qmp/connect.h"

#define GREETING_LIMIT_MS 3000
#define SEND_LIMIT_S      30

static int
fail_busy (const char *path)
{
  return fail (ERROR_CONFLICT,
               "monitor busy: another client is connected to the monitor '%s', "
               "which serves one at a time; give QEMU a second -qmp socket for "
               "Pullback, or end the other client",
               path);
}

static int
fail_connect (const char *path)
{
  switch (errno) {
  case ENAMETOOLONG:
    return fail (ERROR_INVALID,
                 "the path of the QMP socket is longer than %zu bytes: '%s'",
                 sizeof (struct sockaddr_un) - sizeof (sa_family_t) - 1, path);
  case ENOENT:
  case ENOTDIR:
    return fail (ERROR_QEMU,
                 "the QMP socket '%s' does not exist: is the virtual machine "
                 "running, with -qmp unix:%s,server=on,wait=off?",
                 path, path);
  case ECONNREFUSED:
    return fail (ERROR_QEMU,
                 "nobody listens on the QMP socket '%s': the virtual machine "
                 "has ended, or the file is not a socket",
                 path);
  case EAGAIN: /* SO_SNDTIMEO passed: the listener's queue stays full */
    return fail_busy (path);
  case EPROTOTYPE:
    return fail (ERROR_INVALID,
                 "'%s' is a socket, but not a stream, as a QMP "
                 "monitor is",
                 path);
  default:
    return fail_errno (ERROR_QEMU, "cannot connect to the QMP socket '%s'",
                       path);
  }
}

int
qmp_socket_connect (const char *path)
{
  const struct timeval limit = { .tv_sec = SEND_LIMIT_S };
  int fd = qmp_socket_open (path, GREETING_LIMIT_MS / 1000);

  if (fd < 0)
    return fail_connect (path);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  return fd;
}

json_object *
qmp_greeting (struct qmp_stream *stream, const char *path)
{
  struct timespec deadline = qmp_deadline (GREETING_LIMIT_MS);
  json_object *message;

  switch (qmp_stream_next (stream, &deadline, &message)) {
  case STREAM_MESSAGE:
    if (json_object_object_get_ex (message, "QMP", NULL))
      return message;
    json_object_put (message);
    break;
  case STREAM_TIMEOUT:
    fail_busy (path);
    return NULL;
  case STREAM_END:
    fail (ERROR_QEMU,
          "'%s' closed the connection without a greeting: it is not QMP, or "
          "the virtual machine is ending",
          path);
    return NULL;
  case STREAM_GARBAGE:
    break;
  }
  fail (ERROR_INVALID,
        "the server on '%s' is not QMP: its first words are not a QMP "
        "greeting",
        path);
  return NULL;
}

bool
qmp_greeting_offers_oob (json_object *greeting)
{
  json_object *object, *list = NULL;

  if (json_object_object_get_ex (greeting, "QMP", &object))
    list = qmp_list (object, "capabilities");
  for (size_t i = 0; i < qmp_length (list); i++) {
    json_object *entry = json_object_array_get_idx (list, i);

    if (json_object_is_type (entry, json_type_string) &&
        strcmp (json_object_get_string (entry), "oob") == 0)
      return true;
  }
  return false;
}

static int
number (json_object *object, const char *key, int max)
{
  json_object *value;
  int64_t n;

  if (!json_object_object_get_ex (object, key, &value) ||
      !json_object_is_type (value, json_type_int))
    return -1;
  n = json_object_get_int64 (value);
  return n >= 0 && n <= max ? (int) n : -1;
}

int
qmp_greeting_version (json_object *greeting, int *version, char **text)
{
  json_object *object;
  int major, minor, micro;

  if (!json_object_object_get_ex (greeting, "QMP", &object) ||
      !json_object_object_get_ex (object, "version", &object) ||
      !json_object_object_get_ex (object, "qemu", &object) ||
      (major = number (object, "major", 9999)) < 0 ||
      (minor = number (object, "minor", 999)) < 0 ||
      (micro = number (object, "micro", 9999)) < 0)
    return fail (ERROR_INVALID, "the QMP greeting names no version of QEMU");
  *version = major * 1000 + minor;
  if (asprintf (text, "%d.%d.%d", major, minor, micro) < 0) {
    *text = NULL;
    return fail (ERROR_SYSTEM, "out of memory");
  }
  return 0;
}
