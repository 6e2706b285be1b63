/* SPDX-License-Identifier: BSD-3-Clause */
/* pullback-relay: an NBD server in front of another one, which adds metadata
 * contexts.  It knows NBD only. */

#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "common/cleanup.h"
#include "plugin/relay/configuration.h"
#include "plugin/relay/confinement.h"
#include "plugin/relay/control.h"
#include "plugin/relay/errands.h"
#include "plugin/relay/listener.h"
#include "plugin/relay/message.h"
#include "plugin/relay/relay.h"
#include "plugin/relay/server.h"

/* The signals that end us, as a descriptor; in no thread do they interrupt. */
static int
catch_signals (void)
{
  sigset_t set;

  signal (SIGPIPE, SIG_IGN);
  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  return signalfd (-1, &set, SFD_CLOEXEC);
}

/* A client takes up to four descriptors. */
static void
raise_descriptor_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit (RLIMIT_NOFILE, &limit);
  }
}

/* From here on strangers are served: what they do not need is given up. */
static int
confine_relay (struct configuration *configuration, struct listeners *listeners)
{
  struct errands *errands = errands_start (&configuration->upstream,
                                           configuration->tls.psk, listeners);

  if (errands == NULL)
    return -1;
  configuration->upstream.errands = errands;
  configuration->tls.errands = errands;
  listeners->errands = errands;
  return confine ();
}

int
main (int argc, char *argv[])
{
  static struct configuration configuration;
  static struct relay relay;
  struct listeners listeners = { 0 };
  struct control *control = NULL;
  int signal_fd;

  if (configuration_parse (&configuration, argc, argv) == -1)
    return EXIT_FAILURE;
  raise_descriptor_limit ();
  signal_fd = catch_signals ();
  if (signal_fd == -1) {
    message ("%s", strerror (errno));
    return EXIT_FAILURE;
  }
  if (relay_open (&relay, &configuration) == -1)
    return EXIT_FAILURE;
  if (listeners_open (&listeners, &configuration) == -1) {
    listeners_close (&listeners);
    return EXIT_FAILURE;
  }
  if (confine_relay (&configuration, &listeners) == -1) {
    listeners_close (&listeners);
    return EXIT_FAILURE;
  }
  if (configuration.control) {
    control = control_start (&relay, configuration.control);
    if (control == NULL) {
      listeners_close (&listeners);
      return EXIT_FAILURE;
    }
  }
  if (server_run (&relay, &listeners, signal_fd)) {
    control_join (control);
    if (!map_fetcher_end (STEAL (relay.fetcher)))
      return EXIT_SUCCESS;
    relay_close (&relay);
    errands_end (configuration.upstream.errands);
    configuration_free (&configuration);
  }
  return EXIT_SUCCESS;
}
