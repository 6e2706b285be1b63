/* SPDX-License-Identifier: BSD-3-Clause */
/* Remembers what was found out about the schema of each QEMU, beyond the
 * connection: to have it written and read takes longer than all the rest of a
 * backup's begin. */

#include <config.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/qmp/internal.h"

/* Those that were met first are forgotten first. */
#define MAX_QEMUS 256

/* By identity, then by question. */
static json_object *known;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Each QEMU makes the socket's file anew, and where something else listens for
 * it the greeting still tells the build. */
char *
qmp_identity (const char *path, json_object *greeting)
{
  struct stat file;
  char *identity;

  if (stat (path, &file) < 0)
    file = (struct stat){ 0 };
  if (asprintf (&identity, "%s %ju %ju %jd.%09ld %s", path,
                (uintmax_t) file.st_dev, (uintmax_t) file.st_ino,
                (intmax_t) file.st_ctim.tv_sec, file.st_ctim.tv_nsec,
                json_object_to_json_string (greeting)) >= 0)
    return identity;
  fail (ERROR_SYSTEM, "out of memory");
  return NULL;
}

int
qmp_fact (const char *identity, const char *question)
{
  json_object *facts, *fact;
  LOCK_IN_SCOPE (&lock);

  return json_object_object_get_ex (known, identity, &facts) &&
                 json_object_object_get_ex (facts, question, &fact)
             ? json_object_get_boolean (fact)
             : -1;
}

static void
forget_first (void)
{
  json_object_object_foreach (known, identity, facts) {
    (void) facts;
    json_object_object_del (known, identity);
    return;
  }
}

void
qmp_remember_fact (const char *identity, const char *question, bool fact)
{
  json_object *facts;
  LOCK_IN_SCOPE (&lock);

  if (!known)
    known = json_object_new_object ();
  if (!json_object_object_get_ex (known, identity, &facts)) {
    if (json_object_object_length (known) == MAX_QEMUS)
      forget_first ();
    facts = json_object_new_object ();
    json_object_object_add (known, identity, facts);
  }
  json_object_object_add (facts, question, qmp_flag (fact));
}
