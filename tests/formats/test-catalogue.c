/* SPDX-License-Identifier: BSD-3-Clause */
/* The catalogue on a real file system: what is stored comes back, names cannot
 * lead out, damage and crashes stay where they are. */

#include <config.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "controller/catalogue/catalogue.h"
#include "tests/formats/check.h"

static pid_t owner; /* not a child of the test's */
static char base[] = "/tmp/pullback-XXXXXX";
static char state[sizeof base + sizeof "/a/state"];

static int
remove_entry (const char *path, const struct stat *status, int kind,
              struct FTW *where)
{
  (void) status, (void) kind, (void) where;
  return remove (path);
}

static void
clean_up (void)
{
  if (getpid () != owner)
    return;
  nftw (base, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path below the state folder; in one buffer. */
static const char *in_state (const char *format, ...)
    __attribute__ ((format (printf, 1, 2)));

static const char *
in_state (const char *format, ...)
{
  static char path[4096];
  int length = snprintf (path, sizeof path, "%s/", state);
  va_list args;

  va_start (args, format);
  vsnprintf (path + length, sizeof path - length, format, args);
  va_end (args);
  return path;
}

static void
put_file (const char *path, const char *content)
{
  FILE *file = fopen (path, "w");

  CHECK (file && fputs (content, file) >= 0);
  CHECK (fclose (file) == 0);
}

static bool
exists (const char *path)
{
  struct stat status;

  return lstat (path, &status) == 0;
}

/* The entries of a folder below the state folder that are not finished. */
static size_t
nr_unfinished (const char *folder)
{
  DIR *entries = opendir (in_state ("%s", folder));
  const struct dirent *entry;
  size_t nr = 0;

  CHECK (entries);
  while ((entry = readdir (entries)))
    nr += strncmp (entry->d_name, ".new-", 5) == 0 ||
          strncmp (entry->d_name, ".removed-", 9) == 0;
  closedir (entries);
  return nr;
}

static void
check_nothing_unfinished (void)
{
  CHECK (nr_unfinished ("domains") == 0);
  CHECK (nr_unfinished ("domains/web") == 0);
  CHECK (nr_unfinished ("domains/web/checkpoints") == 0);
}

static mode_t
mode_of (const char *path)
{
  struct stat status;

  CHECK (lstat (path, &status) == 0);
  return status.st_mode & 07777;
}

static void
add_domain (const char *name)
{
  struct catalogue_disk_name disks[] = { { (char *) "vda", (char *) "disk0" },
                                         { (char *) "vdb", (char *) "n/1" } };
  struct domain_record record = { .name = (char *) name,
                                  .qmp = (char *) "/run/q.sock",
                                  .disks = disks,
                                  .nr_disks = 2 };

  CHECK (catalogue_add_domain (state, &record) == 0);
}

static int
add_checkpoint (const char *name, const char *parent, int64_t creation_time)
{
  struct checkpoint_disk disk = { .name = (char *) "vda",
                                  .included = true,
                                  .bitmap = (char *) name,
                                  .size = -1 };
  struct checkpoint checkpoint = { .name = (char *) name,
                                   .parent = (char *) parent,
                                   .creation_time = creation_time,
                                   .disks = &disk,
                                   .nr_disks = 1 };

  return catalogue_add_checkpoint (state, "web", &checkpoint);
}

/* The names of web's checkpoints, "name<parent" each, in order. */
static void
check_list (const char *wanted)
{
  CLEANUP_CHECKPOINT_LIST struct checkpoint_list *list =
      catalogue_checkpoints (state, "web");
  char got[1024] = "";

  CHECK (list);
  for (size_t i = 0; i < list->nr_checkpoints; i++) {
    const struct checkpoint *checkpoint = list->checkpoints[i];

    sprintf (got + strlen (got), "%s%s<%s", i ? " " : "", checkpoint->name,
             checkpoint->parent ? checkpoint->parent : "");
  }
  if (strcmp (got, wanted) != 0)
    fprintf (stderr, "got '%s'\nwanted '%s'\n", got, wanted);
  CHECK (strcmp (got, wanted) == 0);
}

static void
check_current (const char *wanted)
{
  CLEANUP_FREE char *current = catalogue_current (state, "web");

  CHECK (current || error_kind () == ERROR_NONE);
  CHECK (wanted ? current && strcmp (current, wanted) == 0 : !current);
}

static void
test_domains (void)
{
  CLEANUP_NAME_LIST name_list names = NULL;
  CLEANUP_DOMAIN_RECORD struct domain_record *record = NULL;
  struct domain_record bad = { .name = (char *) "../x", .qmp = (char *) "/q" };

  CHECK (catalogue_open (state) == 0);
  CHECK (mode_of (state) == 0700);
  add_domain ("web");
  add_domain ("db \xc3\xbc");
  add_domain ("a");
  names = catalogue_domains (state);
  CHECK (names && strcmp (names[0], "a") == 0 &&
         strcmp (names[1], "db \xc3\xbc") == 0 &&
         strcmp (names[2], "web") == 0 && !names[3]);
  record = catalogue_domain (state, "web");
  CHECK (record && strcmp (record->name, "web") == 0 &&
         strcmp (record->qmp, "/run/q.sock") == 0 && record->nr_disks == 2 &&
         strcmp (record->disks[0].name, "vda") == 0 &&
         strcmp (record->disks[1].device, "n/1") == 0);
  CHECK (mode_of (in_state ("domains/web")) == 0700);
  CHECK (mode_of (in_state ("domains/web/checkpoints")) == 0700);
  CHECK (mode_of (in_state ("domains/web/domain.json")) == 0600);

  CHECK (catalogue_add_domain (state, record) == -1);
  CHECK_ERROR (ERROR_CONFLICT, "domain 'web' exists already");
  CHECK (catalogue_add_domain (state, &bad) == -1);
  CHECK_ERROR (ERROR_INVALID, "begins with '.'");
  CHECK (!catalogue_domain (state, "nosuch"));
  CHECK_ERROR (ERROR_NOT_FOUND, "domain 'nosuch' is not known");
  CHECK (!catalogue_domain (state, "x/../web"));
  CHECK_ERROR (ERROR_INVALID, "contains '/'");
  CHECK (!catalogue_checkpoints (state, "nosuch"));
  CHECK_ERROR (ERROR_NOT_FOUND, "domain 'nosuch' is not known");
  CHECK (!catalogue_checkpoint (state, "nosuch", "monday"));
  CHECK_ERROR (ERROR_NOT_FOUND, "domain 'nosuch' is not known");
  CHECK (catalogue_remove_checkpoint (state, "nosuch", "monday") == -1);
  CHECK_ERROR (ERROR_NOT_FOUND, "domain 'nosuch' is not known");
  CHECK (catalogue_remove_domain (state, "a") == 0);
  check_nothing_unfinished ();
  CHECK (!exists (in_state ("domains/a")));
  CHECK (catalogue_remove_domain (state, "a") == -1);
  CHECK_ERROR (ERROR_NOT_FOUND, "domain 'a' is not known");
}

static void
test_checkpoints (void)
{
  CLEANUP_CHECKPOINT struct checkpoint *checkpoint = NULL;

  check_list ("");
  check_current (NULL);
  /* At one time: parents first although their names sort last. */
  CHECK (add_checkpoint ("z", NULL, 5) == 0);
  CHECK (add_checkpoint ("m", "z", 5) == 0);
  CHECK (add_checkpoint ("a", "m", 5) == 0);
  CHECK (add_checkpoint ("b", "m", 5) == 0);
  CHECK (add_checkpoint ("late", "b", 9) == 0);
  CHECK (add_checkpoint ("early", NULL, 1) == 0);
  check_list ("early< z< m<z a<m b<m late<b");
  CHECK (mode_of (in_state ("domains/web/checkpoints/z.xml")) == 0600);
  CHECK (add_checkpoint ("z", NULL, 5) == -1);
  CHECK_ERROR (ERROR_CONFLICT, "checkpoint 'z' of domain 'web' exists already");
  CHECK (add_checkpoint ("a/b", NULL, 5) == -1);
  CHECK_ERROR (ERROR_INVALID, "contains '/'");
  checkpoint = catalogue_checkpoint (state, "web", "a");
  CHECK (checkpoint && strcmp (checkpoint->disks[0].bitmap, "a") == 0);
  CHECK (!catalogue_checkpoint (state, "web", "nosuch"));
  CHECK_ERROR (ERROR_NOT_FOUND,
               "checkpoint 'nosuch' of domain 'web' does not exist; 'pullback "
               "checkpoint-list web'");
  CHECK (catalogue_remove_checkpoint (state, "web", "nosuch") == -1);
  CHECK_ERROR (ERROR_NOT_FOUND, "'nosuch'");
}

static void
test_remove (void)
{
  CHECK (catalogue_set_current (state, "web", "m") == 0);
  check_current ("m");
  CHECK (catalogue_remove_checkpoint (state, "web", "m") == 0);
  check_list ("early< z< a<z b<z late<b");
  check_current ("z");
  CHECK (catalogue_remove_checkpoint (state, "web", "early") == 0);
  check_current ("z");
  CHECK (catalogue_remove_checkpoint (state, "web", "z") == 0);
  check_list ("a< b< late<b");
  check_current (NULL);
  CHECK (catalogue_set_current (state, "web", "late") == 0);
  CHECK (catalogue_set_current (state, "web", NULL) == 0);
  CHECK (catalogue_set_current (state, "web", NULL) == 0);
  check_current (NULL);
  CHECK (catalogue_set_current (state, "web", "../x") == -1);
  CHECK_ERROR (ERROR_INVALID, "begins with '.'");
}

/* A cycle, and a parent that is not there, are listed and not walked forever.
 */
static void
test_odd_trees (void)
{
  CHECK (add_checkpoint ("c1", "c2", 20) == 0);
  CHECK (add_checkpoint ("c2", "c1", 20) == 0);
  CHECK (add_checkpoint ("orphan", "gone", 20) == 0);
  {
    CLEANUP_CHECKPOINT_LIST struct checkpoint_list *list =
        catalogue_checkpoints (state, "web");

    CHECK (list && list->nr_checkpoints == 6);
  }
  CHECK (catalogue_remove_checkpoint (state, "web", "c1") == 0);
  CHECK (catalogue_remove_checkpoint (state, "web", "c2") == 0);
  CHECK (catalogue_remove_checkpoint (state, "web", "orphan") == 0);
  check_list ("a< b< late<b");
}

/* A crash after each step of a removal: what is on the disk then is a whole
 * tree, and doing it again completes it. */
static void
test_crash_in_remove (void)
{
  CHECK (catalogue_set_current (state, "web", "b") == 0);
  {
    CLEANUP_CHECKPOINT struct checkpoint *late =
        catalogue_checkpoint (state, "web", "late");

    CHECK (late);
    free (STEAL (late->parent));
    CHECK (catalogue_replace_checkpoint (state, "web", late) == 0);
  }
  CHECK (catalogue_open (state) == 0);
  check_list ("a< b< late<");
  check_current ("b");
  CHECK (catalogue_set_current (state, "web", NULL) == 0);
  CHECK (catalogue_open (state) == 0);
  check_list ("a< b< late<");
  check_current (NULL);
  CHECK (catalogue_remove_checkpoint (state, "web", "b") == 0);
  check_list ("a< late<");
  /* A current that was unlinked behind our back is no current. */
  CHECK (catalogue_set_current (state, "web", "gone") == 0);
  check_current (NULL);
  CHECK (catalogue_set_current (state, "web", NULL) == 0);
}

static void
test_unfinished (void)
{
  put_file (in_state ("domains/web/checkpoints/.new-abcdef"), "<domainch");
  put_file (in_state ("domains/web/.new-abcdef"), "{");
  CHECK (mkdir (in_state ("domains/.new-abcdef"), 0700) == 0);
  put_file (in_state ("domains/.new-abcdef/domain.json"), "{");
  CHECK (mkdir (in_state ("domains/.removed-abcdef"), 0700) == 0);
  check_list ("a< late<");
  CHECK (catalogue_open (state) == 0);
  CHECK (!exists (in_state ("domains/web/checkpoints/.new-abcdef")));
  CHECK (!exists (in_state ("domains/web/.new-abcdef")));
  CHECK (!exists (in_state ("domains/.new-abcdef")));
  CHECK (!exists (in_state ("domains/.removed-abcdef")));
  check_list ("a< late<");
}

static void
check_damaged_checkpoint (const char *content, const char *why)
{
  put_file (in_state ("domains/web/checkpoints/bad.xml"), content);
  CHECK (!catalogue_checkpoints (state, "web"));
  CHECK_ERROR (ERROR_SYSTEM, "checkpoints/bad.xml");
  CHECK_ERROR (ERROR_SYSTEM, why);
  CHECK (!catalogue_checkpoint (state, "web", "bad"));
  CHECK_ERROR (ERROR_SYSTEM, "checkpoints/bad.xml");
  CHECK (unlink (in_state ("domains/web/checkpoints/bad.xml")) == 0);
}

static void
check_damaged_domain (const char *content, const char *why)
{
  CLEANUP_NAME_LIST name_list names = NULL;
  CLEANUP_DOMAIN_RECORD struct domain_record *record = NULL;

  put_file (in_state ("domains/bad/domain.json"), content);
  CHECK (!catalogue_domain (state, "bad"));
  CHECK_ERROR (ERROR_SYSTEM, "domains/bad/domain.json");
  CHECK_ERROR (ERROR_SYSTEM, why);
  record = catalogue_domain (state, "web");
  names = catalogue_domains (state);
  CHECK (record && names && strcmp (names[0], "bad") == 0);
}

static void
test_damage (void)
{
  check_damaged_checkpoint ("", "empty");
  check_damaged_checkpoint ("<domaincheckpoint><name>ba", "not well-formed");
  check_damaged_checkpoint (
      "<domaincheckpoint><name>other</name></domaincheckpoint>",
      "it is about checkpoint 'other'");
  check_damaged_checkpoint ("<domaincheckpoint/>", "it is about");
  CHECK (mkfifo (in_state ("domains/web/checkpoints/bad.xml"), 0600) == 0);
  CHECK (!catalogue_checkpoint (state, "web", "bad"));
  CHECK_ERROR (ERROR_SYSTEM, "it is not a file");
  CHECK (unlink (in_state ("domains/web/checkpoints/bad.xml")) == 0);
  put_file (in_state ("domains/web/checkpoints/bad.xml"), "");
  CHECK (truncate (in_state ("domains/web/checkpoints/bad.xml"), 1 << 30) == 0);
  CHECK (!catalogue_checkpoint (state, "web", "bad"));
  CHECK_ERROR (ERROR_SYSTEM, "it is longer than");
  CHECK (unlink (in_state ("domains/web/checkpoints/bad.xml")) == 0);

  add_domain ("bad");
  check_damaged_domain ("", "it is not JSON");
  check_damaged_domain ("{\"name\":\"bad\"", "it is not JSON");
  check_damaged_domain ("[]", "not a JSON object");
  check_damaged_domain ("[[[[[[[[[[[[[[1]]]]]]]]]]]]]]", "it is not JSON");
  check_damaged_domain ("{}x", "it is not JSON");
  check_damaged_domain ("{\"name\":\"bad\"}", "\"qmp\"");
  check_damaged_domain ("{\"name\":7,\"qmp\":\"/q\"}", "\"name\"");
  check_damaged_domain ("{\"name\":\"bad\",\"qmp\":\"/q\\u0000x\"}", "\"qmp\"");
  check_damaged_domain ("{\"name\":\"bad\",\"qmp\":\"/q\"}", "\"disks\"");
  check_damaged_domain (
      "{\"name\":\"bad\",\"qmp\":\"/q\",\"disks\":{\"a/b\":\"x\"}}",
      "contains '/'");
  check_damaged_domain ("{\"name\":\"web\",\"qmp\":\"/q\",\"disks\":{}}",
                        "it is about domain 'web'");
  CHECK (catalogue_remove_domain (state, "bad") == 0);
}

/* The disk is full in the middle of a write: the limit of a file's size fails
 * the write as ENOSPC would, for root too. */
static void
test_full_disk (void)
{
  struct rlimit whole, tiny;
  CLEANUP_CHECKPOINT struct checkpoint *late =
      catalogue_checkpoint (state, "web", "late");

  CHECK (late);
  signal (SIGXFSZ, SIG_IGN);
  CHECK (getrlimit (RLIMIT_FSIZE, &whole) == 0);
  tiny = whole;
  tiny.rlim_cur = 16;
  CHECK (setrlimit (RLIMIT_FSIZE, &tiny) == 0);
  late->creation_time = 77;
  CHECK (catalogue_replace_checkpoint (state, "web", late) == -1);
  CHECK_ERROR (ERROR_SYSTEM, "late.xml: File too large");
  CHECK (add_checkpoint ("new", NULL, 30) == -1);
  CHECK_ERROR (ERROR_SYSTEM, "new.xml: File too large");
  {
    struct domain_record record = { .name = (char *) "new",
                                    .qmp = (char *) "/run/qmp.socket" };

    CHECK (catalogue_add_domain (state, &record) == -1);
    CHECK_ERROR (ERROR_SYSTEM, "domain.json: File too large");
  }
  CHECK (setrlimit (RLIMIT_FSIZE, &whole) == 0);
  check_nothing_unfinished ();
  check_list ("a< late<");
  checkpoint_free (STEAL (late));
  late = catalogue_checkpoint (state, "web", "late");
  CHECK (late && late->creation_time == 9);
  {
    CLEANUP_NAME_LIST name_list names = catalogue_domains (state);

    CHECK (names && strcmp (names[0], "db \xc3\xbc") == 0 && names[1] &&
           !names[2]);
  }
}

static void
set_modes (mode_t mode)
{
  CHECK (chmod (base, mode | 0700) == 0);
  CHECK (chmod (in_state ("%s", ".."), mode | 0700) == 0);
  CHECK (chmod (in_state ("%s", "."), mode | 0700) == 0);
  CHECK (chmod (in_state ("domains"), mode) == 0);
  CHECK (chmod (in_state ("domains/web"), mode) == 0);
  CHECK (chmod (in_state ("domains/web/checkpoints"), mode) == 0);
}

/* In a process of its own, because root has to become someone else. */
static void
try_without_permission (void)
{
  struct domain_record record = { .name = (char *) "new",
                                  .qmp = (char *) "/q" };

  if (geteuid () == 0)
    CHECK (setresuid (65534, 65534, 65534) == 0);
  CHECK (add_checkpoint ("new", NULL, 30) == -1);
  CHECK_ERROR (ERROR_SYSTEM, "new.xml: Permission denied");
  CHECK (catalogue_set_current (state, "web", "a") == -1);
  CHECK_ERROR (ERROR_SYSTEM, "current: Permission denied");
  CHECK (catalogue_add_domain (state, &record) == -1);
  CHECK_ERROR (ERROR_SYSTEM, "domains: Permission denied");
  CHECK (catalogue_remove_domain (state, "web") == -1);
  CHECK_ERROR (ERROR_SYSTEM, "domains: Permission denied");
  CHECK (catalogue_open ("/proc/nowhere/state") == -1);
  CHECK_ERROR (ERROR_SYSTEM, "cannot make the folder /proc/nowhere");
}

static void
test_without_permission (void)
{
  int status;
  pid_t pid;

  set_modes (0555);
  pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0) {
    try_without_permission ();
    _exit (0);
  }
  CHECK (waitpid (pid, &status, 0) == pid);
  set_modes (0700);
  CHECK (status == 0);
  check_nothing_unfinished ();
  check_list ("a< late<");
}

/* What cannot be written or removed is said and changes nothing: folders in the
 * place of files stop root as well. */
static void
test_in_the_way (void)
{
  CHECK (mkdir (in_state ("domains/web/current"), 0700) == 0);
  CHECK (catalogue_set_current (state, "web", "a") == -1);
  CHECK_ERROR (ERROR_SYSTEM, "cannot write");
  check_nothing_unfinished ();
  CHECK (!catalogue_current (state, "web"));
  CHECK_ERROR (ERROR_SYSTEM, "it is not a file");
  CHECK (catalogue_remove_checkpoint (state, "web", "a") == -1);
  CHECK_ERROR (ERROR_SYSTEM, "it is not a file");
  check_list ("a< late<");
  CHECK (rmdir (in_state ("domains/web/current")) == 0);
  put_file (in_state ("domains/web/current"), "../../x\n");
  CHECK (!catalogue_current (state, "web"));
  CHECK_ERROR (ERROR_SYSTEM, "web/current is damaged");
  CHECK (unlink (in_state ("domains/web/current")) == 0);
}

/* Names that a careless file system or a careless program would confuse. */
static void
test_odd_names (void)
{
  static char longest[129];
  const char *const names[] = { longest,
                                "x.xml",
                                "x",
                                "current",
                                " x",
                                "X",
                                "\xc3\xa9",  /* e with an acute accent */
                                "e\xcc\x81", /* the same to the eye */
                                "\xf0\x9f\x92\xbe",
                                "-rf *",
                                "%s%n",
                                "a&b<c>'d\"" };
  size_t nr_names = sizeof names / sizeof names[0];

  memset (longest, 'n', 128);
  for (size_t i = 0; i < nr_names; i++)
    CHECK (add_checkpoint (names[i], i ? names[i - 1] : NULL, 50 + i) == 0);
  {
    CLEANUP_CHECKPOINT_LIST struct checkpoint_list *list =
        catalogue_checkpoints (state, "web");

    CHECK (list && list->nr_checkpoints == 2 + nr_names);
    for (size_t i = 0; i < nr_names; i++)
      CHECK (strcmp (list->checkpoints[2 + i]->name, names[i]) == 0);
  }
  for (size_t i = 0; i < nr_names; i++)
    CHECK (catalogue_remove_checkpoint (state, "web", names[i]) == 0);
  longest[64] = '\xff';
  CHECK (add_checkpoint (longest, NULL, 5) == -1);
  CHECK_ERROR (ERROR_INVALID, "is not valid UTF-8");
  check_list ("a< late<");
}

/* Rewrites one checkpoint for ever, in one of two forms. */
static void
write_until_killed (int64_t first, int64_t second)
{
  static char text[200000];
  CLEANUP_CHECKPOINT struct checkpoint *late =
      catalogue_checkpoint (state, "web", "late");

  CHECK (late);
  memset (text, 'x', sizeof text - 1);
  for (;;) {
    free (STEAL (late->description));
    late->creation_time = late->creation_time == first ? second : first;
    /* Of very different lengths, so that a mixture could not be parsed. */
    late->description = strdup (late->creation_time == first ? "short" : text);
    CHECK (catalogue_replace_checkpoint (state, "web", late) == 0);
  }
}

/* A process is killed while it writes: the file is the old one or the new one,
 * and what it left is removed by the next start. */
static void
test_killed (void)
{
  size_t nr_left = 0;

  for (int i = 0; i < 40; i++) {
    CLEANUP_CHECKPOINT struct checkpoint *late = NULL;
    struct timespec pause = { 0, 3000000 + 137000 * i };
    pid_t pid = fork ();

    CHECK (pid >= 0);
    if (pid == 0) {
      write_until_killed (9, 10);
      _exit (EXIT_FAILURE);
    }
    nanosleep (&pause, NULL);
    CHECK (kill (pid, SIGKILL) == 0);
    CHECK (waitpid (pid, NULL, 0) == pid);
    late = catalogue_checkpoint (state, "web", "late");
    CHECK (late && (late->creation_time == 9 || late->creation_time == 10));
    CHECK (!late->description || strlen (late->description) ==
                                     (late->creation_time == 9 ? 5 : 199999));
    nr_left += nr_unfinished ("domains/web/checkpoints");
    CHECK (catalogue_open (state) == 0);
    CHECK (nr_unfinished ("domains/web/checkpoints") == 0);
  }
  printf ("40 writers killed, %zu of them in the middle of a file\n", nr_left);
}

static void
test_many (void)
{
  struct timespec begin, end;
  char name[32], parent[32] = "late";
  double seconds;

  for (int i = 0; i < 10000; i++) {
    char xml[512];

    /* Written plainly: 10,000 fsyncs are not what is timed here. */
    sprintf (name, "n%05d", 99999 - i);
    sprintf (xml,
             "<domaincheckpoint><name>%s</name><parent><name>%s</name>"
             "</parent><creationTime>100</creationTime><disks><disk "
             "name='vda'/><disk name='vdb'/></disks></domaincheckpoint>",
             name, parent);
    put_file (in_state ("domains/web/checkpoints/%s.xml", name), xml);
    strcpy (parent, name);
  }
  clock_gettime (CLOCK_MONOTONIC, &begin);
  {
    CLEANUP_CHECKPOINT_LIST struct checkpoint_list *list =
        catalogue_checkpoints (state, "web");

    CHECK (list && list->nr_checkpoints == 10002);
    for (size_t i = 3; i < list->nr_checkpoints; i++)
      CHECK (strcmp (list->checkpoints[i]->parent,
                     list->checkpoints[i - 1]->name) == 0);
  }
  clock_gettime (CLOCK_MONOTONIC, &end);
  seconds = (end.tv_sec - begin.tv_sec) + (end.tv_nsec - begin.tv_nsec) / 1e9;
  printf ("10,002 checkpoints listed in %.3f s\n", seconds);
  /* The promise is a second; a sanitizer's build and a busy machine get more.
   */
  CHECK (seconds < 5);
}

int
main (void)
{
  CHECK (mkdtemp (base));
  owner = getpid ();
  atexit (clean_up);
  sprintf (state, "%s/a/state", base);
  test_domains ();
  test_checkpoints ();
  test_remove ();
  test_odd_trees ();
  test_crash_in_remove ();
  test_unfinished ();
  test_damage ();
  test_full_disk ();
  test_without_permission ();
  test_in_the_way ();
  test_odd_names ();
  test_killed ();
  test_many ();
  return 0;
}
