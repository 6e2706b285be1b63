/* SPDX-License-Identifier: BSD-3-Clause */
/* A domain's record as the JSON text of domain.json. */

#ifndef PULLBACK_DOMAIN_RECORD_H
#define PULLBACK_DOMAIN_RECORD_H

#include <stddef.h>

#include "controller/catalogue/catalogue.h"

/* Bytes. */
#define DOMAIN_RECORD_MAX_LENGTH (1024 * 1024)

/* The caller's; NULL: reported. */
char *domain_record_format (const struct domain_record *record);
struct domain_record *domain_record_parse (const char *json, size_t length);
/* Its names, and that there is a monitor. -1: reported. */
int domain_record_check (const struct domain_record *record);

#endif /* PULLBACK_DOMAIN_RECORD_H */
