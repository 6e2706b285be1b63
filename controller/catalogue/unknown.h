/* SPDX-License-Identifier: BSD-3-Clause */
/* The error for a checkpoint that does not exist, the same wherever it comes
 * up. */

#ifndef PULLBACK_UNKNOWN_H
#define PULLBACK_UNKNOWN_H

void unknown_checkpoint (const char *domain, const char *name);

#endif /* PULLBACK_UNKNOWN_H */
