/* SPDX-License-Identifier: BSD-3-Clause */
/* Which folders daemon and clients take, for root and for others, and what a
 * private folder is. Run as root it becomes someone else in between. */

#include <config.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/common/error.h"
#include "controller/common/paths.h"

#define NOBODY 65534

static void
check (bool condition, const char *what)
{
  if (condition)
    return;
  fprintf (stderr, "FAIL: %s (last error: %s)\n", what, error_message ());
  exit (1);
}

static void
check_same (const char *got, const char *wanted)
{
  if (strcmp (got, wanted) == 0)
    return;
  fprintf (stderr, "FAIL: got '%s', wanted '%s'\n", got, wanted);
  exit (1);
}

static void
check_default (const char *run, const char *state, const char *config)
{
  struct paths paths = { 0 };

  check (paths_default (&paths) == 0, "default folders");
  check_same (paths.run, run);
  check_same (paths.state, state);
  check_same (paths.config, config);
  paths_free (&paths);
}

static void
check_no_default (const char *text)
{
  struct paths paths = { 0 };

  check (paths_default (&paths) == -1, text);
  check (strstr (error_message (), text) != NULL, text);
  check (!paths.run && !paths.state && !paths.config, "nothing is left");
}

static void
home_variable (void)
{
  setenv ("PULLBACK_HOME", "/some/where", 1);
  check_default ("/some/where/run", "/some/where/state", "/some/where/config");
  check (chdir ("/usr") == 0, "chdir");
  setenv ("PULLBACK_HOME", "trial", 1);
  check_default ("/usr/trial/run", "/usr/trial/state", "/usr/trial/config");
  setenv ("PULLBACK_HOME", "", 1);
}

static void
ordinary_user (void)
{
  setenv ("XDG_RUNTIME_DIR", "/x/run", 1);
  setenv ("XDG_STATE_HOME", "/x/state", 1);
  setenv ("XDG_CONFIG_HOME", "/x/config", 1);
  unsetenv ("HOME");
  check_default ("/x/run/pullback", "/x/state/pullback", "/x/config/pullback");

  /* Relative folders are to be ignored, says the specification. */
  setenv ("XDG_STATE_HOME", "state", 1);
  unsetenv ("XDG_CONFIG_HOME");
  check_no_default ("HOME");
  setenv ("HOME", "/h", 1);
  check_default ("/x/run/pullback", "/h/.local/state/pullback",
                 "/h/.config/pullback");

  unsetenv ("XDG_RUNTIME_DIR");
  if (geteuid () == NOBODY && access ("/run/user/65534", F_OK) == -1)
    check_no_default ("XDG_RUNTIME_DIR");
}

static void
sockets (void)
{
  char path[200];

  memset (path, 'x', sizeof path);
  path[107] = '\0';
  check (paths_check_socket (path) == 0, "107 bytes");
  path[107] = 'x';
  path[108] = '\0';
  check (paths_check_socket (path) == -1, "108 bytes");
  check (strstr (error_message (), "108 bytes") != NULL, "the length");
}

static unsigned
mode_of (const char *path)
{
  struct stat status;

  check (stat (path, &status) == 0, path);
  return status.st_mode & 07777;
}

/* In a folder that the test has just made and is in. */
static void
private_folders (void)
{
  check (paths_make_private ("a/b/c/") == 0, "a nested folder");
  check (mode_of ("a") == 0700 && mode_of ("a/b/c") == 0700, "its mode");
  check (chmod ("a/b/c", 0755) == 0 && paths_make_private ("a/b/c") == 0 &&
             mode_of ("a/b/c") == 0700,
         "a folder that others could read");
  check (symlink ("a", "link") == 0 && paths_make_private ("link") == -1,
         "a symbolic link in place of the folder");
  check (paths_make_private ("/dev/null/x") == -1, "below a file");
  check (paths_make_private ("/dev/null") == -1, "a file");
  if (geteuid () == 0) {
    check (mkdir ("foreign", 0700) == 0 && chown ("foreign", NOBODY, -1) == 0 &&
               paths_make_private ("foreign") == -1,
           "another's folder");
    check (rmdir ("foreign") == 0, "rmdir");
  }
  check (unlink ("link") == 0 && rmdir ("a/b/c") == 0 && rmdir ("a/b") == 0 &&
             rmdir ("a") == 0,
         "nothing but the folders was made");
}

int
main (void)
{
  char folder[] = "/tmp/pullback-XXXXXX";

  home_variable ();
  sockets ();
  check (mkdtemp (folder) && chdir (folder) == 0, "temporary folder");
  umask (0);
  private_folders ();
  check (chdir ("/") == 0 && rmdir (folder) == 0, "clean up");
  if (geteuid () == 0) {
    setenv ("XDG_RUNTIME_DIR", "/not/for/root", 1);
    check_default ("/run/pullback", "/var/lib/pullback", "/etc/pullback");
    check (seteuid (NOBODY) == 0, "seteuid");
  }
  ordinary_user ();
  /* The leak checker looks at the process from outside, which the change of
   * user forbids. */
  if (getuid () == 0)
    check (seteuid (0) == 0 && prctl (PR_SET_DUMPABLE, 1) == 0, "seteuid");
  return 0;
}
