/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether the guest's file systems are frozen for a point in time, and what
 * came of it. */

#ifndef PULLBACK_QUIESCE_H
#define PULLBACK_QUIESCE_H

#include <stdint.h>

#include <json-c/json.h>

#include "controller/catalogue/catalogue.h"
#include "controller/domain/events.h"
#include "controller/quiesce/freezer.h"

enum quiesce_mode {
  QUIESCE_NO,
  QUIESCE_YES, /* or the operation fails */
  QUIESCE_TRY, /* or the point in time is as after a power cut */
};

struct quiesce {
  enum quiesce_mode mode;
  char *domain;
  char *agent;           /* the guest agent's socket; NULL: there is none */
  struct events *events; /* the service's: what fails is told */
  unsigned seconds;
  struct freezer *freezer; /* NULL: nothing is frozen */
  unsigned count;          /* of file systems that were */
  uint64_t microseconds;   /* for so long */
  char *reason;            /* with TRY: why not; NULL: they were */
};

/* From the member "quiesce" of a request alone.  -1: reported. */
int quiesce_read_mode (json_object *body, enum quiesce_mode *mode);

/* From the members "quiesce" and "quiesce_seconds" of a request.  -1: reported,
 * also where an agent is needed and the domain has none. */
int quiesce_read (json_object *body, const struct domain_record *domain,
                  struct events *events, struct quiesce *quiesce);
void quiesce_clear (struct quiesce *quiesce);
#define CLEANUP_QUIESCE __attribute__ ((cleanup (quiesce_clear)))

/* Just before the cut.  -1: reported; what may have been frozen is thawed. */
int quiesce_freeze (struct quiesce *quiesce);
/* Just after it, whatever became of it.  -1: they were not frozen all the time;
 * reported. */
int quiesce_thaw (struct quiesce *quiesce);

/* Adds the member "quiesce" if it was asked for; and what came of it from that
 * of a journal, of a point in time that is taken.  -1: reported. */
void quiesce_describe (const struct quiesce *quiesce, json_object *json);
int quiesce_restore (struct quiesce *quiesce, json_object *json);

#endif /* PULLBACK_QUIESCE_H */
