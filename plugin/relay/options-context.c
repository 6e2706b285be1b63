/* SPDX-License-Identifier: BSD-3-Clause */
/* LIST_META_CONTEXT and SET_META_CONTEXT. */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/options.h"

/* An export that upstream does not list may exist all the same; one that the
 * client may not know of does not. */
static enum upstream_answer
find_export (struct connection *connection, const char *name)
{
  struct upstream upstream CLEANUP_UPSTREAM = { .stream.fd = -1 };
  CLEANUP_NAMES struct names names = { 0 };
  struct export_info info;

  if (!connection_allows (connection, name))
    return UPSTREAM_UNKNOWN;
  if (exports_list_with (connection->relay->exports, name, &names) == -1)
    return UPSTREAM_FAILED;
  if (names_contain (&names, name))
    return UPSTREAM_OK;
  if (upstream_open (&upstream, &connection->relay->configuration->upstream) ==
      -1)
    return UPSTREAM_FAILED;
  return upstream_info (&upstream, NBD_OPT_INFO, name, &info);
}

/* Reads the queries and marks what they select.  false: not valid. */
static bool
read_queries (struct option *option, const struct contexts *contexts,
              bool *selected)
{
  const bool is_list = option->number == NBD_OPT_LIST_META_CONTEXT;
  uint32_t count;

  if (!option_read_u32 (option, &count))
    return false;
  for (size_t i = 0; i < contexts->count; i++)
    selected[i] = is_list && count == 0;
  for (; count > 0; count--) {
    CLEANUP_FREE char *query = NULL;

    if (!option_read_string (option, &query))
      return false;
    for (size_t i = 0; i < contexts->count; i++)
      if (context_matches (&contexts->items[i], query, is_list))
        selected[i] = true;
  }
  return option->left == 0;
}

static enum next_step
send_contexts (struct connection *connection, const struct option *option,
               const struct contexts *contexts)
{
  const bool is_list = option->number == NBD_OPT_LIST_META_CONTEXT;

  for (size_t i = 0; i < contexts->count; i++) {
    const struct context *context = &contexts->items[i];
    const size_t length = strlen (context->name);
    const uint32_t id = is_list ? 0 : htobe32 (context->id);
    char data[sizeof id + NBD_MAX_STRING];

    memcpy (data, &id, sizeof id);
    memcpy (data + sizeof id, context->name, length);
    if (option_reply (connection, option, NBD_REP_META_CONTEXT, data,
                      sizeof id + length) == NEXT_CLOSE)
      return NEXT_CLOSE;
  }
  return option_reply (connection, option, NBD_REP_ACK, NULL, 0);
}

/* Finds what the option asks for in 'contexts'.  NEXT_CLOSE or, *refused set,
 * NEXT_OPTION after a refusal. */
static enum next_step
select_contexts (struct connection *connection, struct option *option,
                 const char *export, struct contexts *contexts, bool *refused)
{
  CLEANUP_FREE bool *selected = NULL;

  *refused = true;
  switch (find_export (connection, export)) {
  case UPSTREAM_UNKNOWN:
    return option_refuse (connection, option, NBD_REP_ERR_UNKNOWN,
                          "no such export; LIST shows those that exist");
  case UPSTREAM_FAILED:
    return option_refuse (connection, option, NBD_REP_ERR_SHUTDOWN,
                          "the server behind the relay does not answer; see "
                          "its log");
  case UPSTREAM_OK:
    break;
  }
  if (contexts_of_export (connection->relay, export, contexts) == -1)
    return option_refuse (connection, option, NBD_REP_ERR_SHUTDOWN,
                          "the relay cannot tell; see its log");
  /* There may be none. */
  selected = calloc (contexts->count + 1, sizeof *selected);
  if (selected == NULL)
    return NEXT_CLOSE;
  if (!read_queries (option, contexts, selected))
    return option_refuse (connection, option, NBD_REP_ERR_INVALID,
                          "lengths that do not fit, or a query that is no "
                          "string");
  for (size_t i = 0; i < contexts->count; i++)
    if (!connection_allows (connection, contexts->items[i].source))
      selected[i] = false;
  contexts_keep (contexts, selected);
  *refused = false;
  return NEXT_OPTION;
}

enum next_step
option_meta_context (struct connection *connection, struct option *option)
{
  const bool is_set = option->number == NBD_OPT_SET_META_CONTEXT;
  CLEANUP_CONTEXTS struct contexts contexts = { 0 };
  CLEANUP_FREE char *export = NULL;
  enum next_step next;
  bool refused;

  /* Also a failing call forgets what was selected before. */
  if (is_set) {
    contexts_free (&connection->contexts);
    free (STEAL (connection->context_export));
    if (connection->replies == REPLY_SIMPLE)
      return option_refuse (connection, option, NBD_REP_ERR_INVALID,
                            "STRUCTURED_REPLY or EXTENDED_HEADERS comes "
                            "first");
  }
  if (!option_read_string (option, &export))
    return option_refuse (connection, option, NBD_REP_ERR_INVALID,
                          "lengths that do not fit, or a name that is no "
                          "string");
  next = select_contexts (connection, option, export, &contexts, &refused);
  if (refused || next != NEXT_OPTION)
    return next;
  next = send_contexts (connection, option, &contexts);
  if (is_set) {
    connection->contexts = contexts;
    memset (&contexts, 0, sizeof contexts);
    connection->context_export = STEAL (export);
  }
  return next;
}
