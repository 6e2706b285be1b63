/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads with small stacks. */

#include "config.h"

#include <string.h>

#include "plugin/relay/message.h"
#include "plugin/relay/threads.h"

/* Twenty times what is used; untouched pages cost nothing. */
#define STACK_SIZE (512 * 1024)

int
thread_start (pthread_t *thread, void *(*function) (void *), void *opaque)
{
  pthread_attr_t attributes;
  int r;

  pthread_attr_init (&attributes);
  pthread_attr_setstacksize (&attributes, STACK_SIZE);
  r = pthread_create (thread, &attributes, function, opaque);
  pthread_attr_destroy (&attributes);
  if (r != 0) {
    message ("cannot start a thread: %s", strerror (r));
    return -1;
  }
  return 0;
}
