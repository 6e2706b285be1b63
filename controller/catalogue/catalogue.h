/* SPDX-License-Identifier: BSD-3-Clause */
/* What survives restarts: the domains that are known and the metadata of their
 * checkpoints, one file each, below the state folder.
 *
 *   STATE/domains/NAME/domain.json
 *   STATE/domains/NAME/checkpoints/CHECKPOINT.xml
 *   STATE/domains/NAME/current          the current checkpoint's name
 *   STATE/domains/NAME/doomed           checkpoints that are to be gone
 *
 * Every file is written to a temporary name, synced, renamed and its folder
 * synced, so that a crash leaves the old one or the new one; a domain is added
 * and removed by renaming its folder.  Files have mode 0600, folders 0700.  A
 * damaged file is an error that names it, and only for what it is about.  Not
 * locked: one process has the catalogue open, and one thread at a time is in
 * one domain. */

#ifndef PULLBACK_CATALOGUE_H
#define PULLBACK_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/formats/formats.h"

struct catalogue_disk_name {
  char *name, *device;
};

struct domain_record {
  char *name;
  char *qmp;   /* path of the monitor's socket */
  char *agent; /* path of the guest agent's socket; NULL: there is none */
  struct catalogue_disk_name *disks;
  size_t nr_disks;
};

/* A NULL-terminated list of names, sorted; the caller's. */
typedef char **name_list;
void name_list_free (name_list list);

/* Writes 'size' bytes as 'path' with mode 0600, all or nothing. */
int write_file_atomically (const char *path, const void *data, size_t size);

/* 'state' is the state folder, made if it is not there.  Removes what a crash
 * left unfinished.  -1: reported. */
int catalogue_open (const char *state);

name_list catalogue_domains (const char *state);
/* NULL: reported, as an unknown domain with the remedy. */
struct domain_record *catalogue_domain (const char *state, const char *name);
/* A domain of this name that is there already is ERROR_CONFLICT. */
int catalogue_add_domain (const char *state, const struct domain_record *);
/* Takes the place of the record of a domain that exists. */
int catalogue_replace_domain (const char *state, const struct domain_record *);
/* Removes the domain and the metadata of its checkpoints. */
int catalogue_remove_domain (const char *state, const char *name);
void domain_record_free (struct domain_record *record);

/* Oldest first by creation time; at the same time a parent before its children,
 * and else by name.  NULL: reported. */
struct checkpoint_list {
  struct checkpoint **checkpoints;
  struct checkpoint **by_name; /* the same, sorted by name */
  size_t nr_checkpoints;
};
struct checkpoint_list *catalogue_checkpoints (const char *state,
                                               const char *domain);
void checkpoint_list_free (struct checkpoint_list *list);
/* Its place in by_name; nr_checkpoints: there is none of this name, or 'name'
 * is NULL. */
size_t checkpoint_list_index (const struct checkpoint_list *list,
                              const char *name);
/* The list's; NULL: there is none. */
struct checkpoint *checkpoint_list_find (const struct checkpoint_list *list,
                                         const char *name);

/* NULL: reported, as an unknown checkpoint with the remedy. */
struct checkpoint *catalogue_checkpoint (const char *state, const char *domain,
                                         const char *name);
/* Stores new metadata; ERROR_CONFLICT if the name exists. */
int catalogue_add_checkpoint (const char *state, const char *domain,
                              const struct checkpoint *checkpoint);
/* Removes them; the nearest ancestor that stays becomes their children's
 * parent, and current if one of them was.  Children are rewritten first: a
 * crash in between leaves a tree that is still whole.  'names' ends with NULL;
 * one that does not exist is an error, and nothing is changed then. */
int catalogue_remove_checkpoints (const char *state, const char *domain,
                                  const char *const *names);
/* The same for one. */
int catalogue_remove_checkpoint (const char *state, const char *domain,
                                 const char *name);

/* A checkpoint is metadata here and bitmaps in QEMU, which no rename changes
 * together.  Those of these names are to be gone, bitmaps and all, from when
 * catalogue_doom has returned until catalogue_spare: who finds them doomed
 * removes what is left of them.  So a deletion dooms first, and a creation
 * spares last. */
int catalogue_doom (const char *state, const char *domain,
                    const char *const *names);
int catalogue_spare (const char *state, const char *domain);
/* An empty list: none is.  NULL: reported. */
name_list catalogue_doomed (const char *state, const char *domain);

/* Replaces the metadata of a checkpoint that exists. */
int catalogue_replace_checkpoint (const char *state, const char *domain,
                                  const struct checkpoint *checkpoint);

/* The current checkpoint's name, the caller's; NULL with error_kind () ==
 * ERROR_NONE: none.  One whose metadata is gone is none. */
char *catalogue_current (const char *state, const char *domain);
/* NULL: none. */
int catalogue_set_current (const char *state, const char *domain,
                           const char *name);

static inline void
cleanup_domain_record_free (struct domain_record **record)
{
  domain_record_free (*record);
}
static inline void
cleanup_checkpoint_list_free (struct checkpoint_list **list)
{
  checkpoint_list_free (*list);
}
static inline void
cleanup_name_list_free (name_list *list)
{
  name_list_free (*list);
}
#define CLEANUP_DOMAIN_RECORD                                                  \
  __attribute__ ((cleanup (cleanup_domain_record_free)))
#define CLEANUP_CHECKPOINT_LIST                                                \
  __attribute__ ((cleanup (cleanup_checkpoint_list_free)))
#define CLEANUP_NAME_LIST __attribute__ ((cleanup (cleanup_name_list_free)))

#endif /* PULLBACK_CATALOGUE_H */
