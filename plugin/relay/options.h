/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of the handshake: reading their payload within its length, and
 * answering them. */

#ifndef PULLBACK_OPTIONS_H
#define PULLBACK_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "plugin/relay/connection.h"
#include "plugin/relay/protocol.h"

/* What goes on after an option. */
enum next_step {
  NEXT_OPTION,
  NEXT_TRANSMISSION,
  NEXT_CLOSE,
};

/* One option, its payload as a whole in memory. */
struct option {
  uint32_t number;
  const uint8_t *data;
  size_t left; /* the budget: what of the payload is not yet read */
};

/* These read the next field.  false: the payload is too short for it, or the
 * string is not one that the protocol allows. */
bool option_read_u16 (struct option *option, uint16_t *value);
bool option_read_u32 (struct option *option, uint32_t *value);
/* Length in 32 bits and bytes; the caller frees.  Out of memory counts as not
 * readable. */
bool option_read_string (struct option *option, char **value);
/* The same with a length known from elsewhere. */
bool option_read_bytes (struct option *option, size_t length, char **value);

/* Sends one reply; NEXT_CLOSE if the client is gone. */
enum next_step option_reply (struct connection *connection,
                             const struct option *option, uint32_t type,
                             const void *data, size_t length);
/* A final reply that says why not. */
enum next_step option_refuse (struct connection *connection,
                              const struct option *option, uint32_t error,
                              const char *text);

/* The answers to options; each ends in a final reply. */
enum next_step option_export_name (struct connection *, struct option *);
enum next_step option_list (struct connection *, struct option *);
enum next_step option_info_or_go (struct connection *, struct option *);
enum next_step option_meta_context (struct connection *, struct option *);

#endif /* PULLBACK_OPTIONS_H */
