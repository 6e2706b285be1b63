/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a pull backup's scratch files are made, and how much room there must be
 * for them. */

#ifndef PULLBACK_PLAN_SCRATCH_H
#define PULLBACK_PLAN_SCRATCH_H

#include <stdint.h>

#include <json-c/json.h>

struct plan;
struct plan_disk;
struct plan_request;

struct scratch_request {
  const char *folder;   /* NULL: the state folder's */
  json_object *folders; /* {DISK: FOLDER}, before 'folder'; NULL: none */
  uint64_t limit;       /* bytes of all files together; 0: none */
  /* How much of what can be copied there must be room for, in percent. */
  unsigned reserve;
};

#define SCRATCH_RESERVE_DEFAULT 5

/* Members of a request's body; the request's for as long as it lives.  -1:
 * reported. */
int scratch_read (json_object *body, struct scratch_request *scratch);
/* Whether it asks for anything. */
bool scratch_is_given (const struct scratch_request *scratch);

/* A file's path for the disk; the caller's.  One that is there is of a dead job
 * and is removed.  NULL: reported. */
char *scratch_choose (const struct plan_request *request, const char *disk);

/* Whether every disk that has a folder is there, and the file systems have the
 * room.  -1: reported. */
int scratch_check (const struct plan *plan, const struct plan_request *request);

#endif /* PULLBACK_PLAN_SCRATCH_H */
