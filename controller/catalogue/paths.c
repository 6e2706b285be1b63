/* SPDX-License-Identifier: BSD-3-Clause */
/* Where in the state folder what is kept. */

#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "controller/catalogue/paths.h"
#include "controller/common/error.h"
#include "controller/formats/names.h"

static char *make_path (const char *format, ...)
    __attribute__ ((format (printf, 1, 2)));

static char *
make_path (const char *format, ...)
{
  va_list args;
  char *path;
  int length;

  va_start (args, format);
  length = vasprintf (&path, format, args);
  va_end (args);
  if (length < 0) {
    fail_errno (ERROR_SYSTEM, "cannot make a path");
    return NULL;
  }
  return path;
}

char *
path_of_domains (const char *state)
{
  return make_path ("%s/domains", state);
}

char *
path_in_domain (const char *state, const char *domain, const char *file)
{
  if (name_check ("domain", domain) < 0)
    return NULL;
  if (!file)
    return make_path ("%s/domains/%s", state, domain);
  return make_path ("%s/domains/%s/%s", state, domain, file);
}

char *
path_of_checkpoint (const char *state, const char *domain,
                    const char *checkpoint)
{
  if (name_check ("domain", domain) < 0 ||
      name_check ("checkpoint", checkpoint) < 0)
    return NULL;
  return make_path ("%s/domains/%s/checkpoints/%s.xml", state, domain,
                    checkpoint);
}
