/* SPDX-License-Identifier: BSD-3-Clause */
/* Folders by the user and the environment, and what a folder of sockets must
 * be like.  Owns nothing. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/common/paths.h"

static char *
join (const char *folder, const char *name)
{
  char *path;

  if (asprintf (&path, "%s/%s", folder, name) == -1) {
    fail_errno (ERROR_SYSTEM, "path of '%s'", name);
    return NULL;
  }
  return path;
}

char *
paths_absolute (const char *path)
{
  CLEANUP_FREE char *here = NULL;
  char *copy;

  if (path[0] != '/') {
    here = getcwd (NULL, 0);
    if (here == NULL) {
      fail_errno (ERROR_SYSTEM, "the working directory");
      return NULL;
    }
    return join (here, path);
  }
  copy = strdup (path);
  if (copy == NULL)
    fail_errno (ERROR_SYSTEM, "path '%s'", path);
  return copy;
}

/* The XDG variable's folder, unless it is unset, empty or relative (which the
 * specification says to ignore): then HOME/fallback. */
static char *
xdg_folder (const char *variable, const char *fallback)
{
  CLEANUP_FREE char *base = NULL;
  const char *value = getenv (variable);
  const char *home = getenv ("HOME");

  if (value && value[0] == '/')
    return join (value, "pullback");
  if (!home || home[0] != '/') {
    fail (ERROR_SYSTEM,
          "neither %s nor HOME names a folder; set one of them, or "
          "PULLBACK_HOME",
          variable);
    return NULL;
  }
  base = join (home, fallback);
  return base ? join (base, "pullback") : NULL;
}

/* Where no session has set XDG_RUNTIME_DIR (cron, su) the folder that a login
 * would have named may be there all the same. */
static char *
user_run_folder (void)
{
  CLEANUP_FREE char *base = NULL;
  struct stat status;
  const char *value = getenv ("XDG_RUNTIME_DIR");

  if (value && value[0] == '/')
    return join (value, "pullback");
  if (asprintf (&base, "/run/user/%ld", (long) geteuid ()) == -1) {
    base = NULL;
    fail_errno (ERROR_SYSTEM, "path of the run folder");
    return NULL;
  }
  if (stat (base, &status) == -1 || status.st_uid != geteuid ()) {
    fail (ERROR_SYSTEM,
          "XDG_RUNTIME_DIR is not set and %s is not there; set one of "
          "XDG_RUNTIME_DIR and PULLBACK_HOME to a folder of yours",
          base);
    return NULL;
  }
  return join (base, "pullback");
}

int
paths_default (struct paths *paths)
{
  const char *home = getenv ("PULLBACK_HOME");

  if (home && home[0]) {
    CLEANUP_FREE char *base = paths_absolute (home);
    if (base == NULL)
      return -1;
    paths->run = join (base, "run");
    paths->state = join (base, "state");
    paths->config = join (base, "config");
  }
  else if (geteuid () == 0) {
    paths->run = paths_absolute ("/run/pullback");
    paths->state = paths_absolute ("/var/lib/pullback");
    paths->config = paths_absolute ("/etc/pullback");
  }
  else {
    paths->run = user_run_folder ();
    paths->state = xdg_folder ("XDG_STATE_HOME", ".local/state");
    paths->config = xdg_folder ("XDG_CONFIG_HOME", ".config");
  }
  if (paths->run && paths->state && paths->config)
    return 0;
  paths_free (paths);
  return -1;
}

void
paths_free (struct paths *paths)
{
  free (paths->run);
  free (paths->state);
  free (paths->config);
  paths->run = paths->state = paths->config = NULL;
}

char *
paths_socket (const char *run_folder)
{
  char *path = join (run_folder, "pullbackd.sock");

  if (path && paths_check_socket (path) == -1) {
    free (path);
    return NULL;
  }
  return path;
}

char *
paths_pid_file (const char *run_folder)
{
  return join (run_folder, "pullbackd.pid");
}

int
paths_check_socket (const char *path)
{
  const size_t limit = sizeof (((struct sockaddr_un *) NULL)->sun_path) - 1;

  if (strlen (path) > limit)
    return fail (ERROR_INVALID,
                 "the socket's path has %zu bytes, and a Unix socket's can "
                 "have %zu; choose a shorter folder than that of '%s'",
                 strlen (path), limit, path);
  return 0;
}

int
paths_make_private (const char *folder)
{
  CLEANUP_FREE char *path = paths_absolute (folder);
  struct stat status;
  char *slash;

  if (path == NULL)
    return -1;
  for (slash = strchr (path + 1, '/'); slash; slash = strchr (slash + 1, '/')) {
    *slash = '\0';
    if (mkdir (path, 0700) == -1 && errno != EEXIST)
      return fail_errno (ERROR_SYSTEM, "cannot make the folder %s", path);
    *slash = '/';
  }
  if (mkdir (path, 0700) == -1 && errno != EEXIST)
    return fail_errno (ERROR_SYSTEM, "cannot make the folder %s", path);
  if (lstat (path, &status) == -1)
    return fail_errno (ERROR_SYSTEM, "%s", path);
  if (!S_ISDIR (status.st_mode) || status.st_uid != geteuid ())
    return fail (ERROR_SYSTEM,
                 "%s is not a folder that belongs to user %ld; remove it or "
                 "choose another one",
                 path, (long) geteuid ());
  if ((status.st_mode & 07777) != 0700 && chmod (path, 0700) == -1)
    return fail_errno (ERROR_SYSTEM, "cannot make %s private (mode 0700)",
                       path);
  return 0;
}
