/* SPDX-License-Identifier: BSD-3-Clause */
/* Decides whether what a client got is an answer to what it sent. */

#ifndef PULLBACK_RELAY_JUDGE_H
#define PULLBACK_RELAY_JUDGE_H

#include <stdbool.h>

#include "tests/fuzz/relay-session.h"

/* Aborts where it is not: a reply that is none of the protocol's, that nobody
 * has asked for, that comes twice or not at all, and, if the server behind was
 * the honest one, a byte that is not the export's. */
void judge (const struct session *session, bool honest);

#endif /* PULLBACK_RELAY_JUDGE_H */
