/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the URI of an export. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "controller/domain/uri.h"

static void
put_encoded (FILE *file, const char *text, const char *also_plain)
{
  for (; *text; text++) {
    unsigned char byte = *text;

    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= '0' && byte <= '9') || strchr ("-._~", byte) ||
        strchr (also_plain, byte))
      putc (byte, file);
    else
      fprintf (file, "%%%02X", byte);
  }
}

static void
put_host (FILE *file, const struct backup_network *where)
{
  fprintf (file, strchr (where->host, ':') ? "[%s]" : "%s", where->host);
  if (where->port)
    fprintf (file, ":%u", where->port);
}

static void
put_parameters (FILE *file, const struct backup_network *where,
                const struct uri_tls *tls)
{
  const char *separator = "?";

  if (where->transport == SERVER_UNIX) {
    fputs ("?socket=", file);
    put_encoded (file, where->socket, "/");
    separator = "&";
  }
  if (tls && tls->key_file) {
    fprintf (file, "%stls-psk-file=", separator);
    put_encoded (file, tls->key_file, "/");
  }
}

char *
nbd_uri (const struct backup_network *where, const struct uri_tls *tls)
{
  char *uri = NULL;
  size_t size;
  FILE *file = open_memstream (&uri, &size);

  if (file == NULL)
    return NULL;
  fprintf (file, "nbd%s%s://", tls ? "s" : "",
           where->transport == SERVER_UNIX ? "+unix" : "");
  if (tls && tls->identity) {
    put_encoded (file, tls->identity, "");
    putc ('@', file);
  }
  if (where->transport == SERVER_TCP)
    put_host (file, where);
  putc ('/', file);
  put_encoded (file, where->export_name ? where->export_name : "", "@/");
  put_parameters (file, where, tls);
  return fclose (file) == 0 ? uri : NULL;
}
