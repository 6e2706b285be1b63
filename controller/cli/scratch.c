/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads --scratch, --scratch-limit and --scratch-reserve. */

#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/cli/scratch.h"
#include "controller/common/error.h"
#include "controller/common/paths.h"

void
scratch_options_clear (struct scratch_options *scratch)
{
  for (char **folder = scratch->folders; folder && *folder; folder++)
    free (*folder);
  free (scratch->folders);
  free (scratch->folder);
}

/* DISK=FOLDER, with an absolute path; the caller's. */
static char *
disk_folder (const char *text, const char *equals)
{
  CLEANUP_FREE char *folder = paths_absolute (equals + 1);
  char *absolute;

  if (folder == NULL)
    return NULL;
  if (asprintf (&absolute, "%.*s=%s", (int) (equals - text), text, folder) ==
      -1) {
    fail_errno (ERROR_SYSTEM, "--scratch");
    return NULL;
  }
  return absolute;
}

/* What comes before the first '=' is a disk unless it has a slash. */
static int
read_folders (const struct invocation *invocation,
              struct scratch_options *scratch)
{
  const char *const *values = values_of (invocation, "scratch");
  size_t count = 0, i;

  while (values[count])
    count++;
  scratch->folders = calloc (count + 1, sizeof *scratch->folders);
  if (scratch->folders == NULL)
    return fail_errno (ERROR_SYSTEM, "--scratch");
  for (i = count = 0; values[i]; i++) {
    const char *equals = strchr (values[i], '=');
    const char *slash = strchr (values[i], '/');

    if (equals && equals > values[i] && equals[1] &&
        (slash == NULL || equals < slash)) {
      if ((scratch->folders[count++] = disk_folder (values[i], equals)) == NULL)
        return -1;
    }
    else if (scratch->folder)
      return fail (ERROR_INVALID,
                   "--scratch is given twice for all disks; --scratch "
                   "DISK=FOLDER is for one");
    else if ((scratch->folder = paths_absolute (values[i])) == NULL)
      return -1;
  }
  return 0;
}

/* Bytes, or with one of virsh's suffixes. */
static int
read_size (const char *text, unsigned long long *size)
{
  static const char suffixes[] = "KMGTPE";
  const char *suffix;
  char *end;
  unsigned shift = 0;

  errno = 0;
  *size = strtoull (text, &end, 10);
  suffix = *end ? strchr (suffixes, *end) : NULL;
  if (suffix) {
    shift = 10 * (unsigned) (suffix - suffixes + 1);
    end++;
    if (strcmp (end, "iB") == 0)
      end += 2;
  }
  if (text[0] < '0' || text[0] > '9' || *end || errno || *size == 0 ||
      *size > (unsigned long long) INT64_MAX >> shift)
    return fail (ERROR_INVALID,
                 "--scratch-limit takes a size such as 500M or 20G, not '%s'",
                 text);
  *size <<= shift;
  return 0;
}

static int
read_percent (const char *text, unsigned *percent)
{
  char *end;
  unsigned long value;

  errno = 0;
  value = strtoul (text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end || errno || value > 100)
    return fail (ERROR_INVALID,
                 "--scratch-reserve takes a share from 0 to 100, not '%s'",
                 text);
  *percent = value;
  return 0;
}

int
scratch_options_read (const struct invocation *invocation,
                      struct scratch_options *scratch,
                      struct pullback_backup_options *options)
{
  const char *limit = value_of (invocation, "scratch-limit");
  const char *reserve = value_of (invocation, "scratch-reserve");

  if (read_folders (invocation, scratch) == -1 ||
      (limit && read_size (limit, &options->scratch_limit) == -1) ||
      (reserve && read_percent (reserve, &scratch->reserve) == -1))
    return -1;
  options->scratch_folder = scratch->folder;
  options->scratch_folders = (const char *const *) scratch->folders;
  options->scratch_reserve = reserve ? &scratch->reserve : NULL;
  return 0;
}
