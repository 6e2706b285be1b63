/* SPDX-License-Identifier: BSD-3-Clause */
/* What all connections of one relay share, from the beginning to the end of
 * it. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "plugin/relay/message.h"
#include "plugin/relay/relay.h"

int
relay_open (struct relay *relay, const struct configuration *configuration)
{
  *relay = (struct relay){ .configuration = configuration,
                           .drain_fd = eventfd (0, EFD_CLOEXEC),
                           .exports = exports_new (&configuration->upstream),
                           .sources = sources_new (&configuration->upstream) };
  if (configuration->reclaim)
    relay->reclaimer = reclaimer_new (&configuration->upstream);
  relay->delivered = delivered_new (relay->reclaimer);
  if (configuration->control) {
    relay->tickets = tickets_new ();
    relay->fetcher = map_fetcher_new (relay);
  }
  if (relay->drain_fd == -1 || relay->exports == NULL ||
      relay->sources == NULL || relay->delivered == NULL ||
      (configuration->reclaim && relay->reclaimer == NULL) ||
      (configuration->control &&
       (relay->tickets == NULL || relay->fetcher == NULL))) {
    message ("%s", strerror (errno));
    relay_close (relay);
    return -1;
  }
  if (configuration->tls.mode != TLS_OFF) {
    relay->tls = tls_new (&configuration->tls, relay->tickets);
    if (relay->tls == NULL) {
      relay_close (relay);
      return -1;
    }
  }
  return 0;
}

void
relay_close (struct relay *relay)
{
  map_fetcher_end (relay->fetcher);
  exports_free (relay->exports);
  sources_free (relay->sources);
  delivered_free (relay->delivered);
  reclaimer_free (relay->reclaimer);
  tls_free (relay->tls);
  tickets_free (relay->tickets);
  if (relay->drain_fd >= 0)
    close (relay->drain_fd);
}
