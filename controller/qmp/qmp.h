/* SPDX-License-Identifier: BSD-3-Clause */
/* A client of one QEMU's monitor (QMP): commands with ids and time limits,
 * events as they come, and what its schema says it can do. */

#ifndef PULLBACK_QMP_H
#define PULLBACK_QMP_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

struct qmp;

/* Called on the connection's reader thread for every event; must not execute
 * commands on the same connection.  'data' may be NULL and stays the
 * connection's; who needs it on another thread makes a deep copy, since
 * json-c's reference counts need not be atomic.  The event "" (empty) says that
 * the connection is lost. */
typedef void (*qmp_event_handler) (void *opaque, const char *event,
                                   json_object *data);

/* Connects to the monitor's Unix socket at 'path', waits for its greeting and
 * negotiates capabilities.  A monitor serves one client at a time and leaves a
 * second one without a greeting: that is reported as "monitor busy".
 * NULL: the error is reported and says whether the socket is absent, refuses,
 * is not QMP or is busy. */
struct qmp *qmp_connect (const char *path, qmp_event_handler handler,
                         void *opaque);
/* Not from an event handler.  The handler is not called after it. */
void qmp_close (struct qmp *qmp);

/* How long a command may take to be answered and what it began to end, on all
 * connections: 30 s unless it was set, which is done before there is one. */
void qmp_set_limit (unsigned seconds);
int qmp_limit_ms (void);

/* There was no answer, for the time limit or the loss of the connection: the
 * command may have been executed, or may still be. */
#define QMP_NO_ANSWER (-2)

/* Executes one command and waits for its answer, for at most the connection's
 * limit.  'arguments' is consumed and may be NULL.  The value of
 * "return" is stored in *result, the caller's, unless 'result' is NULL.  -1:
 * QEMU's error text is reported with the command's name before it.
 * QMP_NO_ANSWER: reported, too. */
int qmp_execute (struct qmp *qmp, const char *command, json_object *arguments,
                 json_object **result);

/* As above, several commands sent at once (pipelined), each with the limit from
 * the answer before it on.  QEMU executes them in order and does not stop at
 * one that fails; the first error is reported, with its index in *failed.
 * Consumes all arguments.  Results that are not NULL are the caller's, also on
 * error. */
struct qmp_command {
  const char *name;
  json_object *arguments;
  json_object *result; /* NULL if this command failed */
  int outcome;         /* as qmp_execute would have returned */
};
int qmp_execute_all (struct qmp *qmp, struct qmp_command *commands,
                     size_t count, size_t *failed);

/* Waits until an event of this name has come whose data has the string member
 * 'key' equal to 'value' (NULL: any) since '*since', a mark from qmp_event_mark
 * taken before the command that causes it; '*since' is then just after the
 * event found.  -1: not within 'timeout_ms', or the connection is lost.  *data
 * is the caller's, may be NULL. */
unsigned long qmp_event_mark (struct qmp *qmp);
int qmp_wait_event (struct qmp *qmp, unsigned long *since, const char *event,
                    const char *key, const char *value, int timeout_ms,
                    json_object **data);

/* When QEMU raised the first such event since the mark, in microseconds since
 * 1970 by its own clock; 0: none has come. */
uint64_t qmp_event_time (struct qmp *qmp, unsigned long since,
                         const char *event);

/* QEMU's version as major * 1000 + minor, such as 7002. */
int qmp_version (struct qmp *qmp);
const char *qmp_version_text (struct qmp *qmp);

/* Whether query-qmp-schema knows the command, or the member of its arguments
 * ("" or NULL: the command itself): 1, 0, or -1 if QEMU could not be asked,
 * reported.  The schema is read once for a connection, and only for what was
 * not asked before of the same QEMU.  For a member of a variant of a union, as
 * blockdev-add's of copy-before-write, 'variant' names the variant, else NULL.
 */
int qmp_can (struct qmp *qmp, const char *command, const char *variant,
             const char *member);

static inline void
cleanup_qmp_close (struct qmp **qmp)
{
  qmp_close (*qmp);
}
#define CLEANUP_QMP __attribute__ ((cleanup (cleanup_qmp_close)))

#endif /* PULLBACK_QMP_H */
