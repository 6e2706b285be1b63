/* SPDX-License-Identifier: BSD-3-Clause */
/* A program of a stranger: it has pullback.h and libpullback and nothing else.
 * Goes through the functions against a daemon without domains and one real
 * monitor: client URI QMP-SOCKET. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/client/pullback.h"

static void
check (int condition, const char *what)
{
  if (condition)
    return;
  fprintf (stderr, "FAIL: %s (last error: %s)\n", what, pullback_error ());
  exit (1);
}

/* The call failed, in this way and with these words. */
static void
check_error (int failed, enum pullback_error_kind kind, const char *text)
{
  check (failed, text);
  check (pullback_error_kind () == kind, "kind of the error");
  check (strstr (pullback_error (), text) != NULL, text);
}

static void
check_reply (char *reply, const char *text)
{
  check (reply && strstr (reply, text), text);
  free (reply);
}

static void
errors_of_open (void)
{
  pullback_handle *handle;

  check_error (pullback_open ("https://host:1") == NULL,
               PULLBACK_ERROR_UNSUPPORTED, "https://host:1");
  handle = pullback_open ("unix:///nowhere/pullbackd.sock");
  check (handle != NULL, "a handle does not connect by itself");
  check_error (pullback_version (handle) == NULL, PULLBACK_ERROR_UNREACHABLE,
               "/nowhere/pullbackd.sock");
  pullback_close (handle);
  pullback_close (NULL);
}

static void
domains (pullback_handle *handle, const char *qmp)
{
  const char *disks[] = { "data=system", NULL };
  const char *bad[] = { "data", NULL };

  check_reply (pullback_domain_list (handle), "{\"domains\":[]}");
  check_error (pullback_domain_info (handle, "a/b") == NULL,
               PULLBACK_ERROR_INVALID, "'a/b'");
  check_error (pullback_domain_info (handle, "..") == NULL,
               PULLBACK_ERROR_INVALID, "'..'");
  check_error (pullback_domain_info (handle, "web") == NULL,
               PULLBACK_ERROR_NOT_FOUND, "'web'");
  check_error (pullback_domain_add (handle, "web", "/nowhere", NULL, NULL) ==
                   NULL,
               PULLBACK_ERROR_QEMU, "/nowhere");
  check_error (pullback_domain_add (handle, "web", qmp, NULL, bad) == NULL,
               PULLBACK_ERROR_INVALID, "'data'");
  check_reply (
      pullback_domain_add (handle, "web\303\245 %2F", qmp, NULL, disks),
      "\"data\"");
  check_error (
      pullback_domain_add (handle, "web\303\245 %2F", qmp, NULL, NULL) == NULL,
      PULLBACK_ERROR_CONFLICT, "web\303\245 %2F");
  check_reply (pullback_domain_info (handle, "web\303\245 %2F"), "\"data\"");
}

static void
checkpoints (pullback_handle *handle, const char *domain)
{
  static const char xml[] =
      "<domaincheckpoint><name>monday?#%</name></domaincheckpoint>";

  check_reply (pullback_checkpoint_list (handle, domain), "[]");
  check_error (pullback_checkpoint_create (handle, domain, "<nonsense/>", 0) ==
                   NULL,
               PULLBACK_ERROR_INVALID, "nonsense");
  check_reply (pullback_checkpoint_create (handle, domain, xml, 0),
               "monday?#%");
  check_error (pullback_checkpoint_create (handle, domain, xml, 0) == NULL,
               PULLBACK_ERROR_CONFLICT, "monday?#%");
  check_reply (pullback_checkpoint_info (handle, domain, "monday?#%", 0),
               "domaincheckpoint");
  check (pullback_checkpoint_delete (handle, domain, "monday?#%", 0) == 0,
         "delete");
  check_error (pullback_checkpoint_delete (handle, domain, "monday?#%", 0) ==
                   -1,
               PULLBACK_ERROR_NOT_FOUND, "monday?#%");
}

static void
backups (pullback_handle *handle, const char *domain)
{
  const struct pullback_backup_options options = { .method = "magic" };

  check_error (pullback_backup_info (handle, domain) == NULL,
               PULLBACK_ERROR_NOT_FOUND, domain);
  check_error (pullback_backup_end (handle, domain, 1) == NULL,
               PULLBACK_ERROR_NOT_FOUND, domain);
  check_error (pullback_backup_cut (handle, domain) == NULL,
               PULLBACK_ERROR_NOT_FOUND, domain);
  check_error (pullback_backup_begin (handle, domain, NULL, NULL, &options) ==
                   NULL,
               PULLBACK_ERROR_INVALID, "'magic'");
}

static void
events (pullback_handle *handle, const char *domain)
{
  check_reply (pullback_event_list (handle, domain, 0, 60),
               "\"checkpoint-deleted\"");
  check_reply (pullback_event_list (handle, "nobody", 0, 0), "{\"events\":[]");
  check_reply (pullback_event_list (handle, NULL, -1, 0), "{\"events\":[]");
  check_error (pullback_event_list (handle, NULL, 0, 61) == NULL,
               PULLBACK_ERROR_INVALID, "wait");
}

static const char *shared_uri;

/* Errors are a thread's own, and so are handles. */
static void *
other_thread (void *unused)
{
  pullback_handle *handle = pullback_open (shared_uri);
  int i;

  check (pullback_error_kind () == PULLBACK_ERROR_NONE, "another's error");
  for (i = 0; i < 50; i++)
    check_error (pullback_domain_info (handle, "nobody") == NULL,
                 PULLBACK_ERROR_NOT_FOUND, "'nobody'");
  pullback_close (handle);
  return unused;
}

int
main (int argc, char **argv)
{
  pullback_handle *handle;
  pthread_t threads[4];
  char *uri;
  int i;

  check (argc == 3, "usage: client URI QMP-SOCKET");
  setenv ("PULLBACK_URI", argv[1], 1);
  uri = pullback_default_uri ();
  check (uri && strcmp (uri, argv[1]) == 0, "the default URI");
  free (uri);
  errors_of_open ();

  handle = pullback_open (NULL);
  check (handle && strcmp (pullback_uri (handle), argv[1]) == 0, "the URI");
  check_reply (pullback_version (handle), "{\"version\":\"");
  domains (handle, argv[2]);
  checkpoints (handle, "web\303\245 %2F");
  backups (handle, "web\303\245 %2F");
  events (handle, "web\303\245 %2F");

  shared_uri = argv[1];
  for (i = 0; i < 4; i++)
    check (pthread_create (&threads[i], NULL, other_thread, NULL) == 0,
           "thread");
  for (i = 0; i < 4; i++)
    pthread_join (threads[i], NULL);

  check (pullback_domain_remove (handle, "web\303\245 %2F") == 0, "remove");
  check_reply (pullback_domain_list (handle), "{\"domains\":[]}");
  pullback_close (handle);
  return 0;
}
