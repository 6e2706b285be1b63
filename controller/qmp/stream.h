/* SPDX-License-Identifier: BSD-3-Clause */
/* The stream of JSON messages that QEMU's monitor and its guest agent have in
 * common: objects one after another, and answers of one shape. */

#ifndef PULLBACK_QMP_STREAM_H
#define PULLBACK_QMP_STREAM_H

#include <stddef.h>
#include <time.h>

#include <json-c/json.h>

/* One JSON object after another from a socket that it does not own. */
struct qmp_stream {
  int fd;
  json_tokener *tokener;
  size_t message_bytes; /* of the message that is being read */
  size_t start, end;    /* what of 'buffer' has not been parsed */
  char buffer[65536];
};

enum qmp_stream_status {
  STREAM_MESSAGE,
  STREAM_END,     /* the other side closed, or the socket failed */
  STREAM_TIMEOUT, /* nothing whole came before the deadline */
  STREAM_GARBAGE, /* not a JSON object, or one beyond the limits */
};

int qmp_stream_open (struct qmp_stream *stream, int fd);
void qmp_stream_close (struct qmp_stream *stream);
/* 'deadline' (CLOCK_MONOTONIC) may be NULL.  *message is the caller's. */
enum qmp_stream_status qmp_stream_next (struct qmp_stream *stream,
                                        const struct timespec *deadline,
                                        json_object **message);
/* Forgets all up to the next byte of this value, and that; STREAM_MESSAGE:
 * what follows it comes next. */
enum qmp_stream_status qmp_stream_skip (struct qmp_stream *stream, char byte,
                                        const struct timespec *deadline);

/* CLOCK_MONOTONIC in so many milliseconds. */
struct timespec qmp_deadline (int milliseconds);

/* A socket connected to the Unix socket at 'path', on which sending waits for
 * at most 'seconds', as connecting does.  -1: errno says why, and nothing is
 * reported. */
int qmp_socket_open (const char *path, time_t seconds);
/* Sends all.  -1: errno says why. */
int qmp_socket_send (int fd, const char *text, size_t size);

/* The value of the answer to the command 'name', the caller's; -1: the error
 * that it is instead is reported. */
int qmp_read_answer (const char *name, json_object *answer,
                     json_object **result);

#endif /* PULLBACK_QMP_STREAM_H */
