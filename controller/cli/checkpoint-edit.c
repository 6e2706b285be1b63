/* SPDX-License-Identifier: BSD-3-Clause */
/* The verb that lets an editor change a checkpoint's document.  Owns the file
 * that is edited, for as long as it takes. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "controller/cli/checkpoint.h"
#include "controller/cli/files.h"
#include "controller/cli/reply.h"
#include "controller/common/error.h"

/* A file in a private folder, since editors put theirs beside it. */
struct draft {
  char *folder, *file;
};

static void
draft_remove (struct draft *draft)
{
  if (draft->file)
    unlink (draft->file);
  if (draft->folder)
    rmdir (draft->folder);
  free (draft->file);
  free (draft->folder);
}
#define CLEANUP_DRAFT __attribute__ ((cleanup (draft_remove)))

static int
draft_write (struct draft *draft, const char *text)
{
  const char *parent = getenv ("TMPDIR");
  CLEANUP_FREE char *folder = NULL;
  CLEANUP_FCLOSE FILE *file = NULL;

  if (asprintf (&folder, "%s/pullback-XXXXXX",
                parent && parent[0] ? parent : "/tmp") == -1)
    folder = NULL;
  if (folder == NULL || mkdtemp (folder) == NULL)
    return fail_errno (ERROR_SYSTEM, "cannot make a folder for the editor");
  draft->folder = STEAL (folder);
  if (asprintf (&draft->file, "%s/checkpoint.xml", draft->folder) == -1) {
    draft->file = NULL;
    return fail_errno (ERROR_SYSTEM, "cannot make a file for the editor");
  }
  file = fopen (draft->file, "wxe");
  if (file == NULL || fputs (text, file) == EOF || fclose (STEAL (file)) == EOF)
    return fail_errno (ERROR_SYSTEM, "cannot write the file '%s'", draft->file);
  return 0;
}

/* The editor may be a command with arguments, as everywhere. */
static const char *
editor_command (void)
{
  const char *editor = getenv ("VISUAL");

  if (editor == NULL || editor[0] == '\0')
    editor = getenv ("EDITOR");
  return editor && editor[0] ? editor : "vi";
}

static int
run_editor (const char *file)
{
  const char *editor = editor_command ();
  CLEANUP_FREE char *script = NULL;
  int status;
  pid_t pid;

  if (asprintf (&script, "%s \"$1\"", editor) == -1) {
    script = NULL;
    return fail_errno (ERROR_SYSTEM, "editor");
  }
  fflush (stdout);
  pid = fork ();
  if (pid == 0) {
    execl ("/bin/sh", "sh", "-c", script, "sh", file, (char *) NULL);
    _exit (127);
  }
  if (pid == -1)
    return fail_errno (ERROR_SYSTEM, "cannot start the editor");
  while (waitpid (pid, &status, 0) == -1)
    if (errno != EINTR)
      return fail_errno (ERROR_SYSTEM, "the editor is lost");
  if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
    return fail (ERROR_INVALID,
                 "the editor '%s' failed, nothing is changed; $VISUAL or "
                 "$EDITOR names another one",
                 editor);
  return 0;
}

static char *
edited_text (const char *xml)
{
  CLEANUP_DRAFT struct draft draft = { 0 };

  if (draft_write (&draft, xml) == -1 || run_editor (draft.file) == -1)
    return NULL;
  return read_xml_file (draft.file);
}

int
checkpoint_edit (struct invocation *invocation)
{
  const char *domain = value_of (invocation, "domain");
  const char *name = value_of (invocation, "checkpointname");
  CLEANUP_FREE char *answer =
      pullback_checkpoint_info (invocation->handle, domain, name, 0);
  CLEANUP_REPLY json_object *reply =
      answer ? json_tokener_parse (answer) : NULL;
  CLEANUP_FREE char *edited = NULL;
  const char *xml;

  if (answer == NULL)
    return fail_as_client ();
  xml = reply_text (reply, "xml");
  if (xml == NULL)
    return fail (ERROR_SYSTEM, "the daemon answered without the XML");
  edited = edited_text (xml);
  if (edited == NULL)
    return -1;
  if (strcmp (edited, xml) == 0) {
    printf ("Checkpoint %s XML configuration not changed.\n", name);
    return 0;
  }
  if (pullback_checkpoint_edit (invocation->handle, domain, name, edited) == -1)
    return fail_as_client ();
  printf ("Checkpoint %s edited.\n", name);
  return 0;
}
