/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold for whatever a parser of a document accepts. */

#ifndef PULLBACK_FUZZ_ROUND_TRIP_H
#define PULLBACK_FUZZ_ROUND_TRIP_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry; each target is a file with this function. */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Parses and formats; the text is the caller's.  NULL: refused, reported. */
typedef char *(*format_function) (const char *xml, size_t length);

/* Aborts unless the text is refused with a message, or is formatted as a text
 * that is formatted as itself, and the schema in the file accepts both. */
void check_round_trip (format_function format, const char *schema,
                       const uint8_t *data, size_t size);

#endif /* PULLBACK_FUZZ_ROUND_TRIP_H */
