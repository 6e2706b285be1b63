/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread that settles jobs which end by themselves, as soon as an event
 * says so and without waiting for anybody to ask. */

#ifndef PULLBACK_SETTLER_H
#define PULLBACK_SETTLER_H

#include <stdint.h>

struct service;
struct domain_entry;

/* NULL: reported. */
struct settler *settler_start (struct service *service);
/* Before anything that it works on is freed; NULL is no error. */
void settler_stop (struct settler *settler);

/* The domain's job may have something to settle.  Called from any thread,
 * whatever locks it holds. */
void settler_wake (void *domain_entry);

/* It will have in so many milliseconds, if not before.  -1: forget that. */
void settler_wake_at (struct domain_entry *entry, int64_t milliseconds);

#endif /* PULLBACK_SETTLER_H */
