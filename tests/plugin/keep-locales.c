/* SPDX-License-Identifier: BSD-3-Clause */
/* Preloaded into nbdkit when the plugin is built with sanitizers.  With libasan
 * in front, glibc 2.36 leaves the lock of its locales broken, and any nbdkit
 * that has said an error hangs at exit, in libp11-kit freeing a locale. */

#include "config.h"

#include <locale.h>

__attribute__ ((visibility ("default"))) void
freelocale (locale_t locale)
{
  (void) locale;
}
