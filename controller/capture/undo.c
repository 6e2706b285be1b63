/* SPDX-License-Identifier: BSD-3-Clause */
/* Undoes what a capture made.  A removal that fails is an error only if the
 * object is still there: somebody else, or QEMU itself, may have been first. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "controller/capture/undo.h"
#include "controller/capture/undo-device.h"
#include "controller/common/error.h"
#include "controller/qmp/json.h"

int
undo_push (struct undo_list *list, enum undo_kind kind, const char *object,
           const char *owner)
{
  struct undo_entry entry = { kind, NULL, NULL };
  struct undo_entry *grown;

  grown = realloc (list->entries, (list->nr_entries + 1) * sizeof *grown);
  if (!grown)
    return fail (ERROR_SYSTEM, "out of memory");
  list->entries = grown;
  entry.object = strdup (object);
  entry.owner = owner ? strdup (owner) : NULL;
  if (!entry.object || (owner && !entry.owner)) {
    free (entry.object);
    free (entry.owner);
    return fail (ERROR_SYSTEM, "out of memory");
  }
  list->entries[list->nr_entries++] = entry;
  return 0;
}

static void
undo_remove (struct undo_list *list, size_t i)
{
  free (list->entries[i].object);
  free (list->entries[i].owner);
  list->nr_entries--;
  memmove (&list->entries[i], &list->entries[i + 1],
           (list->nr_entries - i) * sizeof list->entries[0]);
}

void
undo_truncate (struct undo_list *list, size_t count)
{
  while (list->nr_entries > count)
    undo_remove (list, list->nr_entries - 1);
}

void
undo_keep (struct undo_list *list, int kinds)
{
  for (size_t i = list->nr_entries; i-- > 0;)
    if (list->entries[i].kind & kinds)
      undo_remove (list, i);
}

/* Room for one more command. */
static int
grow_batch (struct undo_batch *batch)
{
  const size_t count = batch->nr_commands + 1;
  struct qmp_command *commands =
      reallocarray (batch->commands, count, sizeof *commands);
  struct undo_batch_item *items;

  if (!commands)
    return fail (ERROR_SYSTEM, "out of memory");
  batch->commands = commands;
  items = reallocarray (batch->items, count, sizeof *items);
  if (!items)
    return fail (ERROR_SYSTEM, "out of memory");
  batch->items = items;
  return 0;
}

int
undo_batch_add (struct undo_batch *batch, size_t nr_notes, const char *subject,
                const char *command, json_object *arguments)
{
  if (grow_batch (batch) < 0) {
    json_object_put (arguments);
    return -1;
  }
  batch->items[batch->nr_commands] =
      (struct undo_batch_item){ .notes_end = batch->notes.nr_entries,
                                .nr_notes = nr_notes,
                                .subject = subject };
  batch->commands[batch->nr_commands++] =
      (struct qmp_command){ .name = command, .arguments = arguments };
  return 0;
}

/* The notes become the list's. */
static int
move_notes (struct undo_list *list, struct undo_list *notes)
{
  struct undo_entry *grown = reallocarray (
      list->entries, list->nr_entries + notes->nr_entries + 1, sizeof *grown);

  if (!grown)
    return fail (ERROR_SYSTEM, "out of memory");
  list->entries = grown;
  for (size_t i = 0; i < notes->nr_entries; i++)
    grown[list->nr_entries++] = notes->entries[i];
  notes->nr_entries = 0;
  return 0;
}

int
undo_batch_make (struct qmp *qmp, struct undo_list *list,
                 struct undo_batch *batch)
{
  const size_t before = list->nr_entries;
  const char *subject;
  size_t failed;
  int r;

  if (move_notes (list, &batch->notes) < 0) {
    undo_batch_clear (batch);
    return -1;
  }
  r = qmp_execute_all (qmp, batch->commands, batch->nr_commands, &failed);
  subject =
      r < 0 && batch->nr_commands > 0 ? batch->items[failed].subject : NULL;
  for (size_t i = batch->nr_commands; i-- > 0;) {
    const struct undo_batch_item *item = &batch->items[i];

    json_object_put (batch->commands[i].result);
    /* Without an answer it may have been made: the notes stay. */
    for (size_t n = 0; batch->commands[i].outcome == -1 && n < item->nr_notes;
         n++)
      undo_remove (list, before + item->notes_end - 1 - n);
  }
  batch->nr_commands = 0;
  undo_batch_clear (batch);
  if (subject)
    fail_prefix ("disk '%s'", subject);
  return r;
}

void
undo_batch_clear (struct undo_batch *batch)
{
  for (size_t i = 0; i < batch->nr_commands; i++)
    json_object_put (batch->commands[i].arguments);
  undo_truncate (&batch->notes, 0);
  free (batch->notes.entries);
  free (batch->commands);
  free (batch->items);
  *batch = (struct undo_batch){ 0 };
}

int
undo_make (struct qmp *qmp, struct undo_list *list,
           const struct undo_entry *entry, const char *command,
           json_object *arguments)
{
  CLEANUP_UNDO_BATCH struct undo_batch one = { 0 };

  if (undo_push (&one.notes, entry->kind, entry->object, entry->owner) < 0) {
    json_object_put (arguments);
    return -1;
  }
  return undo_batch_add (&one, 1, NULL, command, arguments) < 0
             ? -1
             : undo_batch_make (qmp, list, &one);
}

/* The entry of the list that 'command' returns whose 'key' is 'value'. */
static int
find_listed (struct qmp *qmp, const char *command, json_object *arguments,
             const char *key, const char *value, json_object **found)
{
  json_object *list;
  int r = qmp_execute (qmp, command, arguments, &list);

  if (r < 0)
    return r;
  *found = json_object_get (qmp_find (list, key, value));
  json_object_put (list);
  return 0;
}

static int
is_listed (struct qmp *qmp, const char *command, json_object *arguments,
           const char *key, const char *value)
{
  json_object *found = NULL;
  int r = find_listed (qmp, command, arguments, key, value, &found);

  json_object_put (found);
  return r < 0 ? r : found != NULL;
}

static int
node_exists (struct qmp *qmp, const char *node)
{
  return is_listed (qmp, "query-named-block-nodes",
                    qmp_object ("flat", qmp_flag (true), NULL), "node-name",
                    node);
}

/* The command that undoes an entry of a kind that has one of its own. */
static bool
find_command (const struct undo_entry *entry, struct qmp_command *command)
{
  json_object *object = qmp_text (entry->object);

  switch (entry->kind) {
  case UNDO_NODE:
    command->name = "blockdev-del";
    command->arguments = qmp_object ("node-name", object, NULL);
    return true;
  case UNDO_JOB:
    command->name = "job-cancel";
    command->arguments = qmp_object ("id", object, NULL);
    return true;
  case UNDO_EXPORT:
    command->name = "block-export-del";
    command->arguments =
        qmp_object ("id", object, "mode", qmp_text ("hard"), NULL);
    return true;
  case UNDO_BITMAP:
    command->name = "block-dirty-bitmap-remove";
    command->arguments =
        qmp_object ("node", qmp_text (entry->owner), "name", object, NULL);
    return true;
  default:
    json_object_put (object);
    return false;
  }
}

static int
execute_command (struct qmp *qmp, const struct undo_entry *entry)
{
  struct qmp_command command;

  return find_command (entry, &command)
             ? qmp_execute (qmp, command.name, command.arguments, NULL)
             : -1;
}

static int
undo_node (struct qmp *qmp, const struct undo_entry *entry)
{
  int r = execute_command (qmp, entry);

  return r == -1 && node_exists (qmp, entry->object) == 0 ? 0 : r;
}

/* "" : there is no such job. */
static int
job_status (struct qmp *qmp, const char *id, char status[32])
{
  json_object *job = NULL;
  const char *text;
  int r = find_listed (qmp, "query-jobs", NULL, "id", id, &job);

  text = qmp_string (job, "status");
  snprintf (status, 32, "%s", text ? text : "");
  json_object_put (job);
  return r;
}

/* Until the job is gone, or has concluded and is dismissed: one that was told
 * to stay for that does, any other goes by itself. */
static int
wait_job_gone (struct qmp *qmp, const char *id, unsigned long since)
{
  char status[32];
  int r;

  for (;;) {
    r = job_status (qmp, id, status);
    if (r < 0 || !*status)
      return r;
    if (strcmp (status, "concluded") == 0)
      qmp_execute (qmp, "job-dismiss", qmp_object ("id", qmp_text (id), NULL),
                   NULL);
    if (qmp_wait_event (qmp, &since, "JOB_STATUS_CHANGE", "id", id,
                        qmp_limit_ms (), NULL) < 0)
      return QMP_NO_ANSWER;
  }
}

static int
undo_job (struct qmp *qmp, const struct undo_entry *entry)
{
  unsigned long mark = qmp_event_mark (qmp);
  int r = execute_command (qmp, entry);
  char status[32];

  if (r == 0)
    return wait_job_gone (qmp, entry->object, mark);
  /* One that has concluded cannot be cancelled. */
  if (r == -1 && job_status (qmp, entry->object, status) == 0) {
    if (strcmp (status, "concluded") == 0)
      return wait_job_gone (qmp, entry->object, mark);
    if (!*status)
      return 0;
  }
  return r;
}

/* 1 if the export is there; 'shutting_down' if it is already being removed. */
static int
find_export (struct qmp *qmp, const char *id, bool *shutting_down)
{
  json_object *found = NULL;
  int r = find_listed (qmp, "query-block-exports", NULL, "id", id, &found);

  *shutting_down = qmp_true (found, "shutting-down");
  json_object_put (found);
  return r < 0 ? r : found != NULL;
}

/* When the command is answered QEMU has closed its side of every connection. */
static int
undo_export (struct qmp *qmp, const struct undo_entry *entry)
{
  bool shutting_down;
  int r = execute_command (qmp, entry);

  return r == -1 && (find_export (qmp, entry->object, &shutting_down) == 0 ||
                     shutting_down)
             ? 0
             : r;
}

/* A reply that is half written to a client that does not read goes nowhere, and
 * the export stays, until the client's side is closed: so this is not waited
 * for before the data path has ended. */
static int
undo_clients (struct qmp *qmp, const struct undo_entry *entry)
{
  unsigned long mark = qmp_event_mark (qmp);
  bool shutting_down;
  int r = find_export (qmp, entry->object, &shutting_down);

  if (r <= 0)
    return r;
  return qmp_wait_event (qmp, &mark, "BLOCK_EXPORT_DELETED", "id",
                         entry->object, qmp_limit_ms (), NULL) < 0
             ? QMP_NO_ANSWER
             : 0;
}

/* Whether a server runs QEMU cannot be asked; only this text tells. */
static int
undo_server (struct qmp *qmp)
{
  int r = qmp_execute (qmp, "nbd-server-stop", NULL, NULL);

  return r == -1 && strstr (error_message (), "not running") ? 0 : r;
}

/* Whether the node has the bitmap, and can be written to. */
static int
bitmap_exists (struct qmp *qmp, const char *node, const char *bitmap,
               bool *read_only)
{
  json_object *found;
  bool exists;
  int r = find_listed (qmp, "query-named-block-nodes",
                       qmp_object ("flat", qmp_flag (true), NULL), "node-name",
                       node, &found);

  if (r < 0)
    return r;
  exists = qmp_find (qmp_list (found, "dirty-bitmaps"), "name", bitmap) != NULL;
  *read_only = qmp_true (found, "ro");
  json_object_put (found);
  return exists;
}

/* Read back, since QEMU has reported success where the image was full.  An
 * external snapshot by others has made the image a backing one, in which
 * bitmaps stay, as those of checkpoints that are deleted do. */
static int
check_bitmap (struct qmp *qmp, const struct undo_entry *entry, int r)
{
  bool read_only;
  int exists;

  if (r == QMP_NO_ANSWER)
    return r;
  exists = bitmap_exists (qmp, entry->owner, entry->object, &read_only);
  if (exists <= 0)
    return exists;
  if (r == 0)
    return fail (
        ERROR_QEMU,
        "QEMU says that bitmap '%s' of node '%s' is removed, but still "
        "lists it",
        entry->object, entry->owner);
  if (!read_only)
    return r;
  log_line ("bitmap '%s' stays in the image of node '%s', which is a backing "
            "image by now",
            entry->object, entry->owner);
  return 0;
}

static int
undo_bitmap (struct qmp *qmp, const struct undo_entry *entry)
{
  return check_bitmap (qmp, entry, execute_command (qmp, entry));
}

static int
undo_device (struct qmp *qmp, const struct undo_entry *entry)
{
  CLEANUP_DEVICE_VIEW struct device_view view = { 0 };
  struct qmp_command command;
  int r = device_view_query (qmp, &view);

  if (r == 0)
    r = device_view_command (qmp, &view, entry, &command);
  return r <= 0 ? r : qmp_execute (qmp, command.name, command.arguments, NULL);
}

static int
undo_file (const struct undo_entry *entry)
{
  if (unlink (entry->object) == 0 || errno == ENOENT)
    return 0;
  return fail_errno (ERROR_SYSTEM, "cannot remove the file '%s'",
                     entry->object);
}

static int
undo_one (struct qmp *qmp, const struct undo_entry *entry)
{
  switch (entry->kind) {
  case UNDO_FILE:
    return undo_file (entry);
  case UNDO_NODE:
    return undo_node (qmp, entry);
  case UNDO_JOB:
    return undo_job (qmp, entry);
  case UNDO_BITMAP:
    return undo_bitmap (qmp, entry);
  case UNDO_DEVICE:
    return undo_device (qmp, entry);
  case UNDO_EXPORT:
    return undo_export (qmp, entry);
  case UNDO_SERVER:
    return undo_server (qmp);
  case UNDO_CLIENTS:
    return undo_clients (qmp, entry);
  case UNDO_PAUSE:
    return qmp_execute (qmp, "cont", NULL, NULL);
  }
  return -1;
}

/* The outcome of an entry that nothing was tried for yet. */
#define NO_COMMAND 1

/* Entries of one kind that follow one another in the list. */
struct stretch {
  struct undo_entry *entries;
  size_t count;
  enum undo_kind kind;
  int *outcomes;       /* of their commands, or NO_COMMAND */
  json_object *left;   /* what is listed afterwards; NULL: that was not asked */
  unsigned long since; /* the mark of events before the commands */
};

static void
cleanup_stretch (struct stretch *stretch)
{
  free (stretch->outcomes);
  json_object_put (stretch->left);
}
#define CLEANUP_STRETCH __attribute__ ((cleanup (cleanup_stretch)))

/* The commands of the entries, the last first; which entry each is for is in
 * 'of'.  An entry that has none is left with its outcome. */
static size_t
find_commands (struct qmp *qmp, struct stretch *stretch,
               struct qmp_command *commands, size_t *of)
{
  CLEANUP_DEVICE_VIEW struct device_view view = { 0 };
  const bool devices = stretch->kind == UNDO_DEVICE;
  int asked = devices ? device_view_query (qmp, &view) : 0;
  size_t count = 0;

  for (size_t i = 0; i < stretch->count; i++)
    stretch->outcomes[i] = asked == QMP_NO_ANSWER ? asked : NO_COMMAND;
  for (size_t i = stretch->count; asked == 0 && i-- > 0;) {
    const struct undo_entry *entry = &stretch->entries[i];
    int r = devices ? device_view_command (qmp, &view, entry, &commands[count])
                    : find_command (entry, &commands[count]);

    if (r > 0)
      of[count++] = i;
    else if (devices && r == 0)
      stretch->outcomes[i] = 0;
  }
  return count;
}

/* Gives the commands of all entries at once. */
static int
give_commands (struct qmp *qmp, struct stretch *stretch)
{
  const size_t count = stretch->count;
  CLEANUP_FREE struct qmp_command *commands = calloc (count, sizeof *commands);
  CLEANUP_FREE size_t *of = calloc (count, sizeof *of);
  size_t given, failed;
  int r = 0;

  stretch->outcomes = calloc (count, sizeof *stretch->outcomes);
  if (!commands || !of || !stretch->outcomes)
    return fail (ERROR_SYSTEM, "out of memory");
  stretch->since = qmp_event_mark (qmp);
  given = find_commands (qmp, stretch, commands, of);
  if (given > 0)
    qmp_execute_all (qmp, commands, given, &failed);
  for (size_t i = 0; i < given; i++) {
    json_object_put (commands[i].result);
    stretch->outcomes[of[i]] = commands[i].outcome;
  }
  for (size_t i = 0; i < count; i++)
    if (stretch->outcomes[i] == QMP_NO_ANSWER)
      r = QMP_NO_ANSWER;
  return r;
}

/* Jobs and clients go in their own time.  A list of all of them takes QEMU less
 * than a question about each; without it each is asked about. */
static int
ask_what_is_left (struct qmp *qmp, struct stretch *stretch)
{
  const char *command = stretch->kind == UNDO_JOB       ? "query-jobs"
                        : stretch->kind == UNDO_CLIENTS ? "query-block-exports"
                                                        : NULL;

  return command ? qmp_execute (qmp, command, NULL, &stretch->left) : 0;
}

/* Nothing more is to be asked about it. */
static bool
is_undone (const struct stretch *stretch, size_t i)
{
  if (stretch->left)
    return stretch->outcomes[i] >= 0 &&
           !qmp_find (stretch->left, "id", stretch->entries[i].object);
  return stretch->outcomes[i] == 0 &&
         stretch->kind & (UNDO_NODE | UNDO_EXPORT | UNDO_DEVICE);
}

static int
finish (struct qmp *qmp, const struct stretch *stretch, size_t i)
{
  const struct undo_entry *entry = &stretch->entries[i];

  if (is_undone (stretch, i))
    return 0;
  if (stretch->outcomes[i] == 0 && stretch->kind == UNDO_JOB)
    return wait_job_gone (qmp, entry->object, stretch->since);
  if (stretch->outcomes[i] == 0 && stretch->kind == UNDO_BITMAP)
    return check_bitmap (qmp, entry, 0);
  /* One whose command failed is tried by itself, which shows why. */
  return undo_one (qmp, entry);
}

/* What could not be undone, the first of it. */
struct first_error {
  char *text;
  enum error_kind kind;
};

static void
note_error (struct first_error *first)
{
  if (first->kind != ERROR_NONE)
    return;
  first->text = strdup (error_message ());
  first->kind = error_kind ();
}

/* Undoes the entries from 'start' until before 'end'. */
static int
undo_stretch (struct qmp *qmp, struct undo_list *list, size_t start, size_t end,
              struct first_error *first)
{
  CLEANUP_STRETCH struct stretch stretch = { .entries = &list->entries[start],
                                             .count = end - start,
                                             .kind =
                                                 list->entries[start].kind };
  int worst = give_commands (qmp, &stretch);

  if (worst == 0 && ask_what_is_left (qmp, &stretch) == QMP_NO_ANSWER)
    worst = QMP_NO_ANSWER;
  if (worst < 0)
    note_error (first);
  for (size_t i = stretch.count; i-- > 0 && stretch.outcomes;) {
    int r;

    /* A QEMU that does not answer would cost the time limit for each. */
    if (worst == QMP_NO_ANSWER && !is_undone (&stretch, i))
      continue;
    r = finish (qmp, &stretch, i);
    if (r == 0)
      undo_remove (list, start + i);
    else
      note_error (first);
    if (r < worst)
      worst = r;
  }
  return worst;
}

int
undo_run (struct qmp *qmp, struct undo_list *list, int kinds)
{
  struct first_error first = { NULL, ERROR_NONE };
  size_t start, end;
  int r;

  for (end = list->nr_entries; end > 0; end = start) {
    const enum undo_kind kind = list->entries[end - 1].kind;

    start = end - 1;
    if (!(kind & kinds))
      continue;
    while (start > 0 && list->entries[start - 1].kind == kind)
      start--;
    r = undo_stretch (qmp, list, start, end, &first);
    /* The node that marks a server or a pause as ours stays for as long as
     * that. */
    if (r == QMP_NO_ANSWER || (r < 0 && kind & (UNDO_SERVER | UNDO_PAUSE)))
      break;
  }
  if (first.kind == ERROR_NONE)
    return 0;
  fail (first.kind, "%s", first.text ? first.text : "out of memory");
  free (first.text);
  return -1;
}

int
undo_single (struct qmp *qmp, struct undo_list *list, enum undo_kind kind,
             const char *object)
{
  for (size_t i = list->nr_entries; i-- > 0;) {
    const struct undo_entry *entry = &list->entries[i];

    if (entry->kind != kind || strcmp (entry->object, object) != 0)
      continue;
    if (undo_one (qmp, entry) < 0)
      return -1;
    undo_remove (list, i);
    break;
  }
  return 0;
}

void
undo_roll_back (struct qmp *qmp, struct undo_list *list)
{
  CLEANUP_FREE char *error = strdup (error_message ());
  enum error_kind kind = error_kind ();

  if (undo_run (qmp, list, UNDO_ALL) < 0) {
    CLEANUP_FREE char *left = strdup (error_message ());

    fail (kind, "%s; and not everything could be taken back: %s",
          error ? error : "", left ? left : "");
  }
  else
    fail (kind, "%s", error ? error : "out of memory");
}

void
undo_free (struct undo_list *list)
{
  for (size_t i = list->nr_entries; i-- > 0;)
    if (list->entries[i].kind == UNDO_FILE)
      unlink (list->entries[i].object);
  undo_truncate (list, 0);
  free (list->entries);
  list->entries = NULL;
}
