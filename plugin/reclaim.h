/* SPDX-License-Identifier: BSD-3-Clause */
/* Which clusters of an export have been read for good and are discarded from
 * the server, and who is at work on an export meanwhile. */

#ifndef PULLBACK_RECLAIM_H
#define PULLBACK_RECLAIM_H

#include <stdbool.h>
#include <stdint.h>

/* What QEMU copies before the guest writes to a part of it; only whole ones can
 * be discarded from a point in time. */
#define RECLAIM_CLUSTER UINT64_C (65536)

struct reclaim;

/* Someone at work on [offset, end). */
struct reclaim_user {
  struct reclaim *reclaim; /* NULL: on nothing */
  uint64_t offset, end;
  struct reclaim_user *next;
};

/* Of an export of 'size' bytes.  FOLDER/NAME.reclaimed says which clusters an
 * earlier process has reclaimed, and is made if it is not there: the server has
 * them no more, and does not tell which they are.  NULL: reported. */
struct reclaim *reclaim_new (const char *folder, const char *export_name,
                             uint64_t size);

/* The file stays. */
void reclaim_free (struct reclaim *reclaim);

/* Whether the byte at 'offset' is reclaimed; *end, beyond 'offset' when it
 * comes, becomes less if what follows is different from there on. */
bool reclaim_is_gone (struct reclaim *reclaim, uint64_t offset, uint64_t *end);

/* Until the user leaves, nothing of the range is taken by reclaim_take that is
 * not taken already. */
void reclaim_enter (struct reclaim *reclaim, struct reclaim_user *user,
                    uint64_t offset, uint64_t length);
/* The same where all of the range is there.  false: *gone is the first byte
 * that is not, and nobody has entered. */
bool reclaim_enter_to_read (struct reclaim *reclaim, struct reclaim_user *user,
                            uint64_t offset, uint64_t length, uint64_t *gone);
void reclaim_leave (struct reclaim_user *user);

/* Reclaims a range of whole clusters: who reads there from now on is refused,
 * and who already does is waited for. */
void reclaim_take (struct reclaim *reclaim, uint64_t offset, uint64_t length);

#define CLEANUP_RECLAIM_LEAVE __attribute__ ((cleanup (reclaim_leave)))

#endif /* PULLBACK_RECLAIM_H */
