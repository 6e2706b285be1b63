/* SPDX-License-Identifier: BSD-3-Clause */
/* What is wrong with a domain's checkpoints, and what was put right since the
 * daemon started.  Kept for as long as the daemon runs. */

#ifndef PULLBACK_FINDINGS_H
#define PULLBACK_FINDINGS_H

#include <json-c/json.h>

#include "controller/catalogue/catalogue.h"

/* Owned by whoever holds the domain's lock. */
struct findings {
  json_object *repaired; /* list of texts; NULL: none */
  json_object *broken;   /* checkpoint: reason; NULL: none */
};

void findings_clear (struct findings *findings);

/* A repair that was made; the same one is said and kept only once. */
void findings_add_repair (struct findings *findings, const char *domain,
                          const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* 'broken' (consumed) takes the place of what was broken so far; what is new in
 * it, or of those that there are ('known') is right again, is said in the log.
 */
void findings_set_broken (struct findings *findings, const char *domain,
                          const struct checkpoint_list *known,
                          json_object *broken);

/* NULL: the checkpoint is not broken. */
const char *findings_reason (const struct findings *findings,
                             const char *checkpoint);

#endif /* PULLBACK_FINDINGS_H */
