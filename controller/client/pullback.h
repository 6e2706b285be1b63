/* SPDX-License-Identifier: BSD-3-Clause */
/* libpullback: a client of pullbackd, the daemon that freezes points in time of
 * QEMU's disks and offers them over NBD.
 *
 *   pullback_handle *handle = pullback_open (NULL);
 *   char *reply = handle ? pullback_domain_list (handle) : NULL;
 *   if (reply == NULL)
 *     fprintf (stderr, "%s\n", pullback_error ());
 *   free (reply);
 *   pullback_close (handle);
 *
 * Functions that return 'char *' return the daemon's answer, a JSON object as
 * text, whose members docs/api.md (installed with the documentation) describes.
 * It is the caller's, to be freed with free().  NULL, or -1 from functions
 * that return 'int', means that it failed: pullback_error and
 * pullback_error_kind of the same thread then tell why.
 *
 * Strings that are passed in stay the caller's and are UTF-8.  A handle may be
 * used by one thread at a time; several handles are independent. */

#ifndef PULLBACK_H
#define PULLBACK_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PULLBACK_API __attribute__ ((visibility ("default")))
#else
#define PULLBACK_API
#endif

typedef struct pullback_handle pullback_handle;

enum pullback_error_kind {
  PULLBACK_ERROR_NONE = 0,
  PULLBACK_ERROR_INVALID = 1,     /* an argument is malformed */
  PULLBACK_ERROR_NOT_FOUND = 2,   /* an object that is named does not exist */
  PULLBACK_ERROR_CONFLICT = 3,    /* exists, in use, or in the wrong state */
  PULLBACK_ERROR_UNSUPPORTED = 4, /* this QEMU, disk or build cannot do it */
  PULLBACK_ERROR_QEMU = 5,        /* QEMU refused, failed or went away */
  PULLBACK_ERROR_SYSTEM = 6,      /* the operating system did */
  PULLBACK_ERROR_UNREACHABLE = 7  /* no daemon answers at the URI */
};

/* The error of the last function that failed in this thread: a text for a
 * person, never NULL, valid until the next call in this thread. */
PULLBACK_API const char *pullback_error (void);
PULLBACK_API enum pullback_error_kind pullback_error_kind (void);

/* The URI that NULL stands for in pullback_open: $PULLBACK_URI if that is set,
 * else unix:// and the socket of the system's daemon for root, of the user's
 * own for anyone else.  The caller's; NULL: failed. */
PULLBACK_API char *pullback_default_uri (void);

/* A handle for the daemon at 'uri', unix:///path/of/pullbackd.sock, or at the
 * default one if 'uri' is NULL.  Does not connect yet; starts no daemon.
 * NULL: failed. */
PULLBACK_API pullback_handle *pullback_open (const char *uri);
/* Closes the connection and frees the handle, which may be NULL. */
PULLBACK_API void pullback_close (pullback_handle *handle);
/* The URI that the handle is for; the handle's. */
PULLBACK_API const char *pullback_uri (const pullback_handle *handle);

/* {"version"}: the daemon's.  Also a way to see whether it answers. */
PULLBACK_API char *pullback_version (pullback_handle *handle);

/* Domains.  A domain is a running QEMU under a name of its own. */
PULLBACK_API char *pullback_domain_list (pullback_handle *handle);
/* 'qmp' is the absolute path of the monitor's Unix socket, 'agent' that of the
 * guest agent's or NULL.  'disks' is NULL or a list of "NAME=QDEV-OR-NODE" that
 * ends with NULL. */
PULLBACK_API char *pullback_domain_add (pullback_handle *handle,
                                        const char *name, const char *qmp,
                                        const char *agent,
                                        const char *const *disks);
/* Changes what is known of a domain: the guest agent's socket; "": it has none.
 */
PULLBACK_API int pullback_domain_set (pullback_handle *handle,
                                      const char *domain, const char *agent);
PULLBACK_API char *pullback_domain_info (pullback_handle *handle,
                                         const char *domain);
/* Forgets the domain and its checkpoints' metadata. */
PULLBACK_API int pullback_domain_remove (pullback_handle *handle,
                                         const char *domain);

/* Checkpoints. */
PULLBACK_API char *pullback_checkpoint_list (pullback_handle *handle,
                                             const char *domain);
/* Any of them, or 0. */
enum pullback_checkpoint_create_flags {
  /* the bitmaps are there already; only the metadata are stored */
  PULLBACK_CHECKPOINT_CREATE_REDEFINE = 1 << 0,
  /* with REDEFINE: fails unless the bitmaps are there and can be used */
  PULLBACK_CHECKPOINT_CREATE_VALIDATE = 1 << 1,
  /* with the guest's file systems frozen, by its agent, or not at all */
  PULLBACK_CHECKPOINT_CREATE_QUIESCE = 1 << 2,
  /* with the guest's file systems frozen if they can be */
  PULLBACK_CHECKPOINT_CREATE_QUIESCE_TRY = 1 << 3
};
/* 'xml' is a <domaincheckpoint> document. */
PULLBACK_API char *pullback_checkpoint_create (pullback_handle *handle,
                                               const char *domain,
                                               const char *xml, unsigned flags);

/* What the member "xml" of the answer has; any of them, or 0. */
enum pullback_checkpoint_xml_flags {
  PULLBACK_CHECKPOINT_XML_SIZE = 1 << 0, /* bytes changed, for each disk */
  PULLBACK_CHECKPOINT_XML_NO_DOMAIN = 1 << 1,
  PULLBACK_CHECKPOINT_XML_SECURE = 1 << 2,    /* secrets; there are none */
  PULLBACK_CHECKPOINT_XML_GENERATION = 1 << 3 /* Pullback's own element */
};
PULLBACK_API char *pullback_checkpoint_info (pullback_handle *handle,
                                             const char *domain,
                                             const char *checkpoint,
                                             unsigned flags);
/* 'xml' is the checkpoint's document with another description. */
PULLBACK_API int pullback_checkpoint_edit (pullback_handle *handle,
                                           const char *domain,
                                           const char *checkpoint,
                                           const char *xml);

/* One of the first two, METADATA, both, or 0. */
enum pullback_checkpoint_delete_flags {
  PULLBACK_CHECKPOINT_DELETE_CHILDREN = 1 << 0,      /* descendants, too */
  PULLBACK_CHECKPOINT_DELETE_CHILDREN_ONLY = 1 << 1, /* only descendants */
  PULLBACK_CHECKPOINT_DELETE_METADATA = 1 << 2       /* the bitmaps stay */
};
PULLBACK_API int pullback_checkpoint_delete (pullback_handle *handle,
                                             const char *domain,
                                             const char *checkpoint,
                                             unsigned flags);
/* Makes checkpoints of bitmaps that are of none yet: of those in 'names', a
 * list that ends with NULL, or where it is NULL or empty of all that can be
 * used. With 'dry_run' non-zero only says which. */
PULLBACK_API char *pullback_checkpoint_import (pullback_handle *handle,
                                               const char *domain,
                                               const char *const *names,
                                               int dry_run);

/* Backups. */

/* Any of them, or 0. */
enum pullback_backup_begin_flags {
  /* the files that a push writes to are there already, formatted */
  PULLBACK_BACKUP_BEGIN_REUSE_EXTERNAL = 1 << 0,
  /* all but the point in time, which pullback_backup_cut takes */
  PULLBACK_BACKUP_BEGIN_PREPARE = 1 << 1,
  /* fails where the guest would stand still for the point in time */
  PULLBACK_BACKUP_BEGIN_NO_PAUSE = 1 << 2,
  /* of disks that have a base only what changed can be pulled, and only that is
   * copied before the guest overwrites it */
  PULLBACK_BACKUP_BEGIN_CHANGES_ONLY = 1 << 3,
  /* with the guest's file systems frozen, by its agent, or not at all */
  PULLBACK_BACKUP_BEGIN_QUIESCE = 1 << 4,
  /* with the guest's file systems frozen if they can be */
  PULLBACK_BACKUP_BEGIN_QUIESCE_TRY = 1 << 5,
  /* an address that others can reach may be served without TLS */
  PULLBACK_BACKUP_BEGIN_INSECURE = 1 << 6,
  /* whoever pulls promises to be the only one and to read every byte once: what
   * was read is no longer copied, and can be read no more */
  PULLBACK_BACKUP_BEGIN_RECLAIM = 1 << 7
};
/* A key for TLS with which somebody may pull. */
struct pullback_ticket {
  const char *const *exports; /* only these and their views, up to NULL; NULL or
                                 empty: all */
  unsigned seconds;           /* until it ends; 0: when the backup ends */
  const char *key_file; /* an absolute path where no file is; NULL: a file in
                           the backup's folder */
};
/* What is zero or NULL is left to the daemon. */
struct pullback_backup_options {
  unsigned flags;
  /* for pull backups: one of "transaction", "filter" and "overlay" (none: what
   * suits this QEMU), and where scratch files are made */
  const char *method, *scratch_folder;
  unsigned prepare_seconds; /* with PREPARE: when it is given up */
  unsigned quiesce_seconds; /* with QUIESCE: limit of each of its steps */
  const struct pullback_ticket *ticket; /* serve with TLS, and make this one */
  unsigned max_seconds; /* when one that runs is ended, and has failed; 0:
                           never */
  /* for pull backups: a list of "DISK=FOLDER" that ends with NULL, before
   * 'scratch_folder'; how many bytes all scratch files may take; and for which
   * share of what can be copied there must be room */
  const char *const *scratch_folders;
  unsigned long long scratch_limit;
  const unsigned *scratch_reserve; /* percent */
};
/* Each may be NULL: 'backup_xml' is a <domainbackup> document (none: all disks,
 * full), 'checkpoint_xml' a <domaincheckpoint> to be made at the same point in
 * time. */
PULLBACK_API char *
pullback_backup_begin (pullback_handle *handle, const char *domain,
                       const char *backup_xml, const char *checkpoint_xml,
                       const struct pullback_backup_options *options);
/* Takes the point in time of a backup that was only prepared. */
PULLBACK_API char *pullback_backup_cut (pullback_handle *handle,
                                        const char *domain);
PULLBACK_API char *pullback_backup_info (pullback_handle *handle,
                                         const char *domain);
/* Tickets of a backup that is served with TLS.  The answer to the first one
 * (and to the begin, as its member "ticket") has the key. */
PULLBACK_API char *pullback_ticket_add (pullback_handle *handle,
                                        const char *domain,
                                        const struct pullback_ticket *ticket);
PULLBACK_API char *pullback_ticket_list (pullback_handle *handle,
                                         const char *domain);
/* The connections of its clients are closed. */
PULLBACK_API int pullback_ticket_revoke (pullback_handle *handle,
                                         const char *domain,
                                         const char *identity);
/* One of them, or 0. */
enum pullback_backup_end_flags {
  /* the backup's checkpoint is not kept */
  PULLBACK_BACKUP_END_ABORT = 1 << 0,
  /* fails, and ends nothing, unless clients have read all of it */
  PULLBACK_BACKUP_END_REQUIRE_COMPLETE = 1 << 1
};
/* A push that runs can only be aborted; one that has ended by itself is
 * forgotten. */
PULLBACK_API char *pullback_backup_end (pullback_handle *handle,
                                        const char *domain, unsigned flags);

/* Events.  Those with a larger number than 'since', of one domain or (NULL) of
 * all; with -1 only those that come from now on, with 0 all that the daemon
 * still has.  Where there are none yet it waits, up to 'seconds' (at most 60).
 * To go on, give the answer's "next" as 'since'. */
PULLBACK_API char *pullback_event_list (pullback_handle *handle,
                                        const char *domain, long long since,
                                        unsigned seconds);

#ifdef __cplusplus
}
#endif

#endif /* PULLBACK_H */
