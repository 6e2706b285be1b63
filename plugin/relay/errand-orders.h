/* SPDX-License-Identifier: BSD-3-Clause */
/* What the relay and the processes that run its errands say to each other, over
 * sockets that keep messages apart. */

#ifndef PULLBACK_ERRAND_ORDERS_H
#define PULLBACK_ERRAND_ORDERS_H

#include <stdbool.h>
#include <stdint.h>

enum errand_kind {
  ERRAND_CONNECT = 'c',
  ERRAND_OPEN_KEYS = 'k',
  ERRAND_REMOVE = 'r',
  ERRAND_ANOTHER_CHILD = 'a', /* the keeper's alone; see errand-child.h */
};

struct order {
  uint32_t number; /* comes back with the answer */
  enum errand_kind kind;
};

/* Both false: who is at the other end is gone. */
bool order_send (int channel, const struct order *order);
bool order_receive (int channel, struct order *order);

/* A descriptor, which stays the caller's, or -1: none.  If who is at the other
 * end is gone so is who wanted it. */
void answer_send (int channel, uint32_t number, int fd);
/* *fd is the caller's; -1: none.  False: as above. */
bool answer_receive (int channel, uint32_t *number, int *fd);

#endif /* PULLBACK_ERRAND_ORDERS_H */
