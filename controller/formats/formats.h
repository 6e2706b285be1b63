/* SPDX-License-Identifier: BSD-3-Clause */
/* The documents domaincheckpoint and domainbackup in memory, each with a parse
 * and a format that are a pair. */

#ifndef PULLBACK_FORMATS_H
#define PULLBACK_FORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A checkpoint's disk: libvirt's <disk name= checkpoint='no|bitmap' bitmap=>.
 */
struct checkpoint_disk {
  char *name;
  bool included; /* checkpoint='bitmap' */
  char *bitmap;  /* bitmap's name; NULL: as the checkpoint */
  int64_t size;  /* bytes of changes, output only; -1: not said */
};

struct checkpoint {
  char *name;            /* NULL in a request: to be made from the time */
  char *description;     /* NULL: none */
  char *parent;          /* NULL: a root */
  int64_t creation_time; /* seconds since the epoch; 0 in a request */
  char *domain_uuid, *domain_name; /* minimal <domain>; NULL: none */
  struct checkpoint_disk *disks;
  size_t nr_disks;
};

/* Parses without network, entities or includes, within limits of size and
 * depth.  NULL: reported, with the line and what is expected. */
struct checkpoint *checkpoint_parse (const char *xml, size_t length);
/* NULL: out of memory, reported.  The caller's. */
char *checkpoint_format (const struct checkpoint *checkpoint);
void checkpoint_free (struct checkpoint *checkpoint);

enum backup_mode { BACKUP_PULL, BACKUP_PUSH };

struct backup_disk {
  char *name;
  bool included;          /* backup='yes' */
  bool incremental_given; /* backupmode was said */
  char *incremental;      /* base checkpoint; NULL: full, or the backup's */
  bool full;              /* backupmode='full' */
  char *export_name;      /* exportname=; NULL: the disk's name */
  char *export_bitmap;    /* exportbitmap=; NULL: "backup-<disk>" */
  char *scratch;          /* <scratch file=|dev=>; NULL: chosen */
  bool scratch_is_device; /* type='block' */
  char *target;           /* push: <target file=|dev=>; NULL: chosen */
  char *driver;           /* push: <driver type=>; NULL: qcow2 */
  bool target_is_device;
};

enum server_transport { SERVER_UNIX, SERVER_TCP };

struct backup {
  enum backup_mode mode;
  char *incremental; /* NULL: full */
  bool server_given;
  enum server_transport transport;
  char *socket;  /* unix: path */
  char *host;    /* tcp: name= */
  unsigned port; /* tcp: 0 is not said */
  bool tls;
  struct backup_disk *disks; /* empty: all disks that can be */
  size_t nr_disks;
};

struct backup *backup_parse (const char *xml, size_t length);
char *backup_format (const struct backup *backup);
void backup_free (struct backup *backup);

static inline void
cleanup_checkpoint_free (struct checkpoint **checkpoint)
{
  checkpoint_free (*checkpoint);
}
static inline void
cleanup_backup_free (struct backup **backup)
{
  backup_free (*backup);
}
#define CLEANUP_CHECKPOINT __attribute__ ((cleanup (cleanup_checkpoint_free)))
#define CLEANUP_BACKUP     __attribute__ ((cleanup (cleanup_backup_free)))

#endif /* PULLBACK_FORMATS_H */
