/* SPDX-License-Identifier: BSD-3-Clause */
/* Trims from the server behind, in the background, what clients have received,
 * so that it need not be kept any longer; and can be read no more. */

#ifndef PULLBACK_RECLAIMER_H
#define PULLBACK_RECLAIMER_H

#include <stdint.h>

#include "plugin/relay/address.h"

struct reclaimer;

/* 'server' must outlive it.  No thread runs yet.  NULL: errno. */
struct reclaimer *reclaimer_new (const struct address *server);

/* Only when no connection is left.  What is not trimmed by then stays. */
void reclaimer_free (struct reclaimer *reclaimer);

/* A client has these bytes of the export; those of whole clusters are trimmed
 * once they all are received.  Without memory they stay. */
void reclaimer_received (struct reclaimer *reclaimer, const char *export,
                         uint64_t offset, uint64_t length);

#endif /* PULLBACK_RECLAIMER_H */
