/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's answer as a verb reads it: members by name, without caring
 * whether an older or newer daemon sent them. */

#ifndef PULLBACK_REPLY_H
#define PULLBACK_REPLY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

#include "controller/cli/verb.h"

/* A verb's parameter for what reply_take does with it. */
#define JSON_PARAMETER                                                         \
  {                                                                            \
    FLAG, "json", NULL, "print the daemon's answer as it is, in JSON"          \
  }

/* Takes over 'text', what a function of libpullback returned; NULL: its error
 * is reported.  With --json the text is printed, *object stays NULL, and the
 * verb is done; otherwise *object is the caller's.  -1: reported. */
int reply_take (struct invocation *invocation, char *text,
                json_object **object);

/* NULL, 0 or false if it is missing, null or something else; the object's. */
const char *reply_text (json_object *object, const char *member);
int64_t reply_number (json_object *object, const char *member);
bool reply_flag (json_object *object, const char *member);
/* Whether it is there and not null. */
bool reply_has (json_object *object, const char *member);
/* A list that is missing is empty. */
size_t reply_count (json_object *object, const char *member);
json_object *reply_item (json_object *object, const char *member, size_t index);
json_object *reply_object (json_object *object, const char *member);

/* What libpullback reported becomes this thread's error.  Returns -1. */
int fail_as_client (void);

/* "2026-11-23 04:05:47 +0000", as virsh writes times. */
struct time_text {
  char text[64];
};
struct time_text format_time (int64_t seconds);
/* The same with six digits of a second's fraction. */
struct time_text format_moment (int64_t microseconds);
/* "20.0 GiB". */
struct size_text {
  char text[32];
};
struct size_text format_size (int64_t bytes);

static inline void
cleanup_reply_put (json_object **object)
{
  json_object_put (*object);
}
#define CLEANUP_REPLY __attribute__ ((cleanup (cleanup_reply_put)))

#endif /* PULLBACK_REPLY_H */
