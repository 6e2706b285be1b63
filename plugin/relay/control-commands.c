/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of the control channel. */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "plugin/relay/accounting.h"
#include "plugin/relay/control-commands.h"
#include "plugin/relay/map-fetcher.h"
#include "plugin/relay/names.h"
#include "plugin/relay/tickets.h"

/* The words after the command, decoded. */
struct words {
  char *rest; /* NULL: there are no more */
};

static int
hex_value (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Two digits as a byte; -1: they are none. */
static int
hex_byte (const char *text)
{
  const int high = hex_value (text[0]);
  const int low = high < 0 ? -1 : hex_value (text[1]);

  return low < 0 ? -1 : high * 16 + low;
}

/* In place; a byte 0 would end it.  false: it is no word. */
static bool
decode (char *word)
{
  char *end = word;
  int byte;

  if (*word == '\0')
    return false;
  for (; *word; word++) {
    byte = *word;
    if (byte == '%') {
      byte = hex_byte (word + 1);
      if (byte <= 0)
        return false;
      word += 2;
    }
    *end++ = byte;
  }
  *end = '\0';
  return true;
}

/* false: there is none, or it is not well-formed. */
static bool
next_word (struct words *words, char **word)
{
  *word = words->rest ? strsep (&words->rest, " ") : NULL;
  return *word && decode (*word);
}

static char *
answer_text (const char *kind, const char *text)
{
  char *answer;

  if (asprintf (&answer, "%s%s%s\n", kind, *text ? " " : "", text) == -1)
    return NULL;
  return answer;
}

static char *
refuse (const char *why)
{
  return answer_text ("error", why);
}

static char *
accept_command (void)
{
  return answer_text ("ok", "");
}

static char *
answer_ping (struct relay *relay, struct words *words)
{
  (void) relay;
  return words->rest ? refuse ("ping takes no words") : accept_command ();
}

/* In place; the number of bytes, 0: it is not hexadecimal. */
static size_t
decode_key (char *text)
{
  const size_t length = strlen (text) / 2;

  if (strlen (text) % 2)
    return 0;
  for (size_t i = 0; i < length; i++) {
    const int byte = hex_byte (text + 2 * i);

    if (byte < 0)
      return 0;
    text[i] = byte;
  }
  return length;
}

static bool
parse_seconds (const char *text, unsigned *seconds)
{
  char *end;
  unsigned long value;

  errno = 0;
  value = strtoul (text, &end, 10);
  *seconds = value;
  return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 &&
         value <= INT_MAX;
}

static char *
answer_ticket (struct relay *relay, struct words *words)
{
  CLEANUP_NAMES struct names exports = { 0 };
  struct ticket_terms terms = { .exports = &exports };
  char *identity, *key, *seconds, *export;
  const char *why;

  if (!next_word (words, &identity) || !next_word (words, &key) ||
      !next_word (words, &seconds) || !parse_seconds (seconds, &terms.seconds))
    return refuse ("not ticket IDENTITY KEY SECONDS [EXPORT]...");
  while (words->rest) {
    if (!next_word (words, &export) || !name_valid (export, strlen (export)))
      return refuse ("not an export's name");
    if (names_add (&exports, export, strlen (export)) == -1)
      return NULL;
  }
  terms.identity = identity;
  terms.key = (const uint8_t *) key;
  terms.key_size = decode_key (key);
  if (tickets_add (relay->tickets, &terms, &why) == -1)
    return refuse (why);
  return accept_command ();
}

static char *
answer_revoke (struct relay *relay, struct words *words)
{
  char *identity;

  if (!next_word (words, &identity) || words->rest)
    return refuse ("not revoke IDENTITY");
  if (tickets_revoke (relay->tickets, identity) == -1)
    return refuse ("no such ticket");
  return accept_command ();
}

static char *
answer_map (struct relay *relay, struct words *words)
{
  char *export;

  if (!next_word (words, &export) || words->rest ||
      !name_valid (export, strlen (export)))
    return refuse ("not map EXPORT");
  switch (map_fetcher_ask (relay->fetcher, export)) {
  case MAP_IS_WHOLE:
    return answer_text ("ok", "whole");
  case MAP_IS_COMING:
    return accept_command ();
  case MAP_IS_LOST:
    break;
  }
  return refuse ("the map cannot be had; see the relay's log");
}

static char *
format_account (const struct account *account)
{
  const char *forgot = account->forgot ? " forgot" : "";
  char *text;

  if ((account->known ? asprintf (&text,
                                  "ok %" PRIu64 " %" PRIu64 " %" PRIu64
                                  " %" PRIu64 " %" PRIu64 " %" PRIu64 "%s\n",
                                  account->read, account->sent, account->data,
                                  account->missing, account->zeroes,
                                  account->clean, forgot)
                      : asprintf (&text, "ok %" PRIu64 " %" PRIu64 "%s\n",
                                  account->read, account->sent, forgot)) == -1)
    return NULL;
  return text;
}

static char *
answer_read (struct relay *relay, struct words *words)
{
  CLEANUP_NAMES struct names exports = { 0 };
  struct account account;
  char *export;

  do {
    if (!next_word (words, &export) || !name_valid (export, strlen (export)))
      return refuse ("not read EXPORT...");
    if (names_add (&exports, export, strlen (export)) == -1)
      return NULL;
  } while (words->rest);
  account_take (relay, &exports, &account);
  return format_account (&account);
}

static const struct {
  const char *name;
  char *(*run) (struct relay *, struct words *);
} commands[] = {
  { "ping", answer_ping },     { "ticket", answer_ticket },
  { "revoke", answer_revoke }, { "map", answer_map },
  { "read", answer_read },
};

char *
control_answer (struct relay *relay, char *line)
{
  struct words words = { .rest = line };
  const char *name = strsep (&words.rest, " ");

  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
    if (strcmp (commands[i].name, name) == 0)
      return commands[i].run (relay, &words);
  return refuse ("unknown command");
}
