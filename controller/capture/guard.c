/* SPDX-License-Identifier: BSD-3-Clause */
/* The guard of a running capture: a thread that, once an event says that the
 * point in time is lost, takes the exports down before anybody reads a wrong
 * byte, and the jobs or filters, so that the guest no longer waits for the
 * scratch file, nor fills it. The thread that reads events cannot do that
 * itself. */

#include <config.h>

#include <errno.h>

#include "common/cleanup.h"
#include "controller/capture/internal.h"
#include "controller/common/error.h"

/* A filter that is no job's goes on copying.  QEMU takes it out once nothing
 * else looks at it. */
static int
take_out_filters (struct capture *capture)
{
  return capture->steps->pauses
             ? undo_run (capture->qmp, &capture->made,
                         UNDO_CLIENTS | UNDO_NODE | UNDO_DEVICE)
             : 0;
}

static void *
stand_guard (void *opaque)
{
  struct capture *capture = opaque;
  bool alarm;

  pthread_mutex_lock (&capture->guard.lock);
  while (!capture->guard.alarm && !capture->ending)
    pthread_cond_wait (&capture->guard.wake, &capture->guard.lock);
  alarm = capture->guard.alarm && !capture->ending;
  pthread_mutex_unlock (&capture->guard.lock);

  /* The exports first: without its job an overlay shows the live disk.  Until
   * this thread is joined the list is its own. */
  if (alarm && (undo_run (capture->qmp, &capture->made, UNDO_EXPORT) < 0 ||
                undo_run (capture->qmp, &capture->made, UNDO_JOB) < 0 ||
                take_out_filters (capture) < 0))
    log_line ("a broken point in time could not be taken down: %s",
              error_message ());
  return NULL;
}

int
guard_start (struct capture *capture)
{
  pthread_mutex_init (&capture->guard.lock, NULL);
  pthread_cond_init (&capture->guard.wake, NULL);
  errno = pthread_create (&capture->guard.thread, NULL, stand_guard, capture);
  if (errno != 0)
    return fail_errno (ERROR_SYSTEM, "cannot start a thread");
  capture->guard.started = true;
  return 0;
}

void
guard_alarm (struct capture *capture)
{
  LOCK_IN_SCOPE (&capture->guard.lock);
  capture->guard.alarm = true;
  pthread_cond_signal (&capture->guard.wake);
}

void
guard_stop (struct capture *capture)
{
  if (!capture->guard.started)
    return;
  pthread_mutex_lock (&capture->guard.lock);
  capture->ending = true;
  pthread_cond_signal (&capture->guard.wake);
  pthread_mutex_unlock (&capture->guard.lock);
  pthread_join (capture->guard.thread, NULL);
  capture->guard.started = false;
}
