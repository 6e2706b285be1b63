/* SPDX-License-Identifier: BSD-3-Clause */
/* A libnbd handle on an export of the server behind, for what the relay asks of
 * it by itself; a server that does not answer is not waited for for ever. */

#ifndef PULLBACK_HANDLE_H
#define PULLBACK_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

#include <libnbd.h>

#include "plugin/relay/address.h"

/* Connected, with this metadata context if it is not NULL.  NULL: reported. */
struct nbd_handle *handle_connect (const struct address *server,
                                   const char *export, const char *context);

/* Runs it until 'done', which is given the handle and 'opaque', says so.  -1:
 * the server is gone, or says nothing, which *is_silent then tells unless it is
 * NULL; reported. */
int handle_run (struct nbd_handle *nbd, const char *export,
                bool (*done) (struct nbd_handle *, void *), void *opaque,
                bool *is_silent);

/* Until the only command under way, whose cookie this is (-1: it could not be
 * given), is completed.  -1: it failed, or the server is gone; reported, and
 * the handle is only to be closed. */
int handle_wait (struct nbd_handle *nbd, const char *export, int64_t cookie);

#endif /* PULLBACK_HANDLE_H */
