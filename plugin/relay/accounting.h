/* SPDX-License-Identifier: BSD-3-Clause */
/* How much of a backup clients have received: what an export's map says is
 * there, less what was delivered of it by any of the exports that have the same
 * bytes. */

#ifndef PULLBACK_ACCOUNTING_H
#define PULLBACK_ACCOUNTING_H

#include "plugin/relay/names.h"
#include "plugin/relay/relay.h"

/* All in bytes. */
struct account {
  uint64_t read;    /* of all exports together, received */
  uint64_t sent;    /* what comes on top, by connections that have not ended and
                       may still lose it */
  bool forgot;      /* some of it was read in pieces that are too many to be
                       remembered, and counts as not read */
  bool known;       /* the whole map is; else nothing is of what follows */
  uint64_t data;    /* what the map has as data: neither clean nor zeroes */
  uint64_t missing; /* of these, neither read nor told to be zeroes */
  uint64_t zeroes;  /* of what the map has as zeroes, neither read nor told */
  uint64_t clean;   /* of what the map has as clean, neither read nor told */
};

/* Of exports with the same bytes, the first one's map being what counts; from
 * what is known already, without asking upstream.  Takes time in proportion to
 * the extents. */
void account_take (struct relay *relay, const struct names *exports,
                   struct account *account);

#endif /* PULLBACK_ACCOUNTING_H */
