/* SPDX-License-Identifier: BSD-3-Clause */
/* What libFuzzer, or the replay, calls; and how a target says what is wrong, on
 * standard error as it was before libFuzzer closed it (-close_fd_mask). */

#ifndef PULLBACK_FUZZ_H
#define PULLBACK_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Aborts with the text unless it holds. */
void must (bool holds, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

#endif /* PULLBACK_FUZZ_H */
