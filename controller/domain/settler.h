/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread that settles jobs which end by themselves, as soon as an event
 * says so and without waiting for anybody to ask. */

#ifndef PULLBACK_SETTLER_H
#define PULLBACK_SETTLER_H

struct service;
struct domain_entry;

/* NULL: reported. */
struct settler *settler_start (struct service *service);
/* Before anything that it works on is freed; NULL is no error. */
void settler_stop (struct settler *settler);

/* The domain's job may have something to settle.  Called from any thread,
 * whatever locks it holds. */
void settler_wake (void *domain_entry);

#endif /* PULLBACK_SETTLER_H */
