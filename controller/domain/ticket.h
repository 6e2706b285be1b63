/* SPDX-License-Identifier: BSD-3-Clause */
/* One ticket: made of a request or of what a journal has of it, its key file,
 * and its URIs. */

#ifndef PULLBACK_DOMAIN_TICKET_H
#define PULLBACK_DOMAIN_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "controller/domain/exports.h"

struct ticket {
  char identity[33]; /* 16 random bytes in hexadecimal */
  char key[65];      /* 32 of them; erased with the ticket */
  char *key_file;
  json_object *asked; /* array of exports' names; NULL: all */
  int64_t expires;    /* seconds since 1970; 0: with the job */
  int64_t deadline;   /* the same moment by CLOCK_BOOTTIME, which counts */
};

/* See tickets_add; the folder is for its key file.  NULL: reported. */
struct ticket *ticket_new (json_object *request, const char *folder);
void ticket_free (struct ticket *ticket);

/* Whether its time is up, and how many seconds are left, 0 for ever. */
bool ticket_expired (const struct ticket *ticket);
int64_t ticket_seconds_left (const struct ticket *ticket);

/* Of a limited one: whether it names an export, and whether that belongs to one
 * it names. */
bool ticket_names (const struct ticket *ticket, const char *name);
bool ticket_asks_for (const struct ticket *ticket,
                      const struct plan_exports *exports,
                      const struct plan_export *export);
/* -1: it names one that there is not; reported. */
int ticket_check_exports (const struct ticket *ticket,
                          const struct plan_exports *exports);

/* A new file; one that is there is not touched.  -1: reported. */
int ticket_write_key_file (const struct ticket *ticket);
void ticket_remove_key_file (const struct ticket *ticket);

/* The caller's; NULL: errno. */
char *ticket_uri (const struct ticket *ticket, const struct backup *backup,
                  char *export_name);

/* Without the key; the caller's. */
json_object *ticket_describe (const struct ticket *ticket);

/* For a journal, and back, the key from its file.  NULL: reported. */
json_object *ticket_record (const struct ticket *ticket);
struct ticket *ticket_restore (json_object *record);

#endif /* PULLBACK_DOMAIN_TICKET_H */
