/* SPDX-License-Identifier: BSD-3-Clause */
/* The relay as a client of the server behind it: the handshake of one
 * connection, spoken and checked by hand, since its payloads are later moved
 * without being looked at.  Replies are simple ones by choice: an error is then
 * known before the first byte of payload. */

#ifndef PULLBACK_UPSTREAM_H
#define PULLBACK_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/relay/address.h"
#include "plugin/relay/names.h"
#include "plugin/relay/protocol.h"
#include "plugin/relay/stream.h"

/* What the server says of an export, within the bounds that the protocol (or
 * good sense) sets: size below 2^63. */
struct export_info {
  uint64_t size;
  uint16_t flags;
  uint32_t minimum; /* block sizes; a power of 2 up to 65536 */
  uint32_t preferred;
  uint32_t maximum; /* payload of one request */
};

enum upstream_answer {
  UPSTREAM_OK,
  UPSTREAM_UNKNOWN, /* it has no such export */
  UPSTREAM_FAILED,  /* not there, or not understood; reported */
};

/* A connection in option mode. */
struct upstream {
  struct stream stream;
  uint16_t flags; /* of the handshake */
};

/* Connects and greets.  -1: reported. */
int upstream_open (struct upstream *upstream, const struct address *address);
void upstream_close (struct upstream *upstream);

/* The names of all exports, appended.  -1: reported. */
int upstream_list (struct upstream *upstream, struct names *names);

/* Whether it tells base:allocation of an export is in *tells.  Not on a
 * connection that is to begin transmission.  -1: reported. */
int upstream_tells_allocation (struct upstream *upstream, const char *export,
                               bool *tells);

/* 'option' is NBD_OPT_INFO, or NBD_OPT_GO which begins transmission on the
 * stream's descriptor; nothing else is read from there then. */
enum upstream_answer upstream_info (struct upstream *upstream,
                                    enum nbd_option option, const char *export,
                                    struct export_info *info);

#define CLEANUP_UPSTREAM __attribute__ ((cleanup (upstream_close)))

#endif /* PULLBACK_UPSTREAM_H */
