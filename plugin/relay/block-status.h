/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers BLOCK_STATUS from the maps of the connection's contexts. */

#ifndef PULLBACK_BLOCK_STATUS_H
#define PULLBACK_BLOCK_STATUS_H

#include "plugin/relay/transmission.h"

/* The range lies inside the export and is not empty; there is a context.  -1:
 * the client is gone. */
int block_status (struct transmission *transmission, const struct reply_to *to,
                  uint64_t length, bool only_one);

#endif /* PULLBACK_BLOCK_STATUS_H */
