/* SPDX-License-Identifier: BSD-3-Clause */
/* Which exports the server behind the relay has. */

#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/exports.h"
#include "plugin/relay/message.h"
#include "plugin/relay/upstream.h"

/* Servers that accept any export's name must not fill our memory. */
#define MAX_REMEMBERED 4096

struct exports {
  const struct address *server;
  pthread_mutex_t lock;
  /* Under the lock: */
  struct names names;
  struct names telling, silent; /* of base:allocation; those asked about */
};

struct exports *
exports_new (const struct address *server)
{
  struct exports *exports = calloc (1, sizeof *exports);

  if (exports) {
    exports->server = server;
    pthread_mutex_init (&exports->lock, NULL);
  }
  return exports;
}

void
exports_free (struct exports *exports)
{
  if (exports == NULL)
    return;
  names_free (&exports->names);
  names_free (&exports->telling);
  names_free (&exports->silent);
  pthread_mutex_destroy (&exports->lock);
  free (exports);
}

static int
copy_names (const struct names *from, struct names *to)
{
  for (size_t i = 0; i < from->count; i++)
    if (names_add (to, from->items[i], strlen (from->items[i])) == -1) {
      message ("%s", strerror (errno));
      return -1;
    }
  return 0;
}

int
exports_list (struct exports *exports, struct names *names)
{
  struct upstream upstream CLEANUP_UPSTREAM = { .stream.fd = -1 };
  CLEANUP_NAMES struct names fresh = { 0 };
  struct names old;

  /* Not under the lock: a slow server delays only who needs its answer. */
  if (upstream_open (&upstream, exports->server) == -1 ||
      upstream_list (&upstream, &fresh) == -1 ||
      copy_names (&fresh, names) == -1)
    return -1;

  LOCK_IN_SCOPE (&exports->lock);
  old = exports->names;
  exports->names = fresh;
  fresh = old;
  return 0;
}

int
exports_list_with (struct exports *exports, const char *name,
                   struct names *names)
{
  {
    LOCK_IN_SCOPE (&exports->lock);
    if (names_contain (&exports->names, name))
      return copy_names (&exports->names, names);
  }
  return exports_list (exports, names);
}

/* What was found out about an export before. */
static bool
recall (struct exports *exports, const char *export, bool *tells)
{
  LOCK_IN_SCOPE (&exports->lock);
  *tells = names_contain (&exports->telling, export);
  return *tells || names_contain (&exports->silent, export);
}

/* Two clients can find the same: it is then there twice. */
static void
remember (struct exports *exports, const char *export, bool tells)
{
  struct names *names = tells ? &exports->telling : &exports->silent;

  LOCK_IN_SCOPE (&exports->lock);
  if (names->count < MAX_REMEMBERED)
    /* Without memory it is asked again. */
    (void) names_add (names, export, strlen (export));
}

int
exports_tell_allocation (struct exports *exports, const char *export,
                         bool *tells)
{
  struct upstream upstream CLEANUP_UPSTREAM = { .stream.fd = -1 };

  if (recall (exports, export, tells))
    return 0;
  if (upstream_open (&upstream, exports->server) == -1 ||
      upstream_tells_allocation (&upstream, export, tells) == -1)
    return -1;
  if (!*tells)
    message ("upstream does not tell " BASE_ALLOCATION " of export '%s': "
             "contexts made of it are not offered",
             export);
  remember (exports, export, *tells);
  return 0;
}
