/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of pre-shared keys. */

#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "plugin/relay/keys.h"
#include "plugin/relay/message.h"

/* Longer files are of no use: a key that is cut off would be another key. */
#define MAX_SIZE (1 << 20)

/* There are all keys in it. */
static void
forget (char **text)
{
  if (*text)
    gnutls_memset (*text, 0, MAX_SIZE + 1);
  free (*text);
}
#define CLEANUP_FORGET __attribute__ ((cleanup (forget)))

static char *
read_file (int fd)
{
  CLEANUP_FORGET char *text = calloc (1, MAX_SIZE + 1);
  size_t length = 0;
  ssize_t r;

  if (text == NULL)
    return NULL;
  while ((r = read (fd, text + length, MAX_SIZE + 1 - length)) > 0)
    length += r;
  if (r == -1)
    return NULL;
  if (length > MAX_SIZE) {
    message ("the file of pre-shared keys is longer than 1 MiB: none of them "
             "counts");
    return NULL;
  }
  return STEAL (text);
}

static gnutls_datum_t
datum (const char *text)
{
  return (gnutls_datum_t){ .data = (unsigned char *) text,
                           .size = strlen (text) };
}

static bool
is_user (const char *name, const gnutls_datum_t *user)
{
  gnutls_datum_t digits, decoded;
  bool same;

  if (*name != '#')
    return strlen (name) == user->size &&
           memcmp (name, user->data, user->size) == 0;
  digits = datum (name + 1);
  if (gnutls_hex_decode2 (&digits, &decoded) < 0)
    return false;
  same = decoded.size == user->size &&
         memcmp (decoded.data, user->data, user->size) == 0;
  gnutls_free (decoded.data);
  return same;
}

int
keys_find (int fd, const gnutls_datum_t *user, gnutls_datum_t *key)
{
  CLEANUP_FORGET char *text = read_file (fd);
  char *rest = text, *line, *digits;
  gnutls_datum_t encoded;

  if (text == NULL)
    return -1;
  while ((line = strsep (&rest, "\r\n"))) {
    digits = strchr (line, ':');
    if (digits == NULL)
      continue;
    *digits++ = '\0';
    if (!is_user (line, user))
      continue;
    encoded = datum (digits);
    return gnutls_hex_decode2 (&encoded, key) < 0 ? -1 : 0;
  }
  return 1;
}
