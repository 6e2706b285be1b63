/* SPDX-License-Identifier: BSD-3-Clause */
/* The metadata contexts of an export: their names, and for each from which
 * export's base:allocation its flags are made, and how. */

#ifndef PULLBACK_CONTEXTS_H
#define PULLBACK_CONTEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/relay/relay.h"

/* The context's flags for each value of base:allocation's two (1: hole,
 * 2: reads as zeroes). */
typedef uint32_t flag_table[4];

struct context {
  uint32_t id;
  char *name;
  char *source; /* export */
  const flag_table *flags;
  uint64_t told; /* bytes, in the answer that is being made */
};

/* Everything in it is owned. */
struct contexts {
  struct context *items;
  size_t count;
};

/* All contexts of an export that exists, with ids from 1.  -1: reported. */
int contexts_of_export (struct relay *relay, const char *export,
                        struct contexts *contexts);

/* Whether what base:allocation calls zeroes reads as zeroes: not so in views,
 * which tell something else by it. */
bool allocation_is_content (const char *export);

/* What base:allocation of an export says of bytes: 'clean' are those of a view
 * that have not changed since its checkpoint. */
enum content { CONTENT_DATA, CONTENT_ZEROES, CONTENT_CLEAN };
enum content view_content (const char *export, uint32_t flags);

/* Whether a client sees by it what reads as zeroes. */
bool context_tells_zeroes (const struct context *context);

/* Whether a client's query names the context: exactly, or, where wildcards
 * count, by the beginning of its name up to a colon. */
bool context_matches (const struct context *context, const char *query,
                      bool wildcards);

/* Keeps those where selected[i]. */
void contexts_keep (struct contexts *contexts, const bool *selected);

void contexts_free (struct contexts *contexts);

#define CLEANUP_CONTEXTS __attribute__ ((cleanup (contexts_free)))

#endif /* PULLBACK_CONTEXTS_H */
