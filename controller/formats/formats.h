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
  char *name;    /* or, in a request, the absolute path of its image */
  bool included; /* checkpoint='bitmap' */
  char *bitmap;  /* bitmap's name; NULL: as the checkpoint */
  int64_t size;  /* bytes of changes, output only; -1: not said */
};

/* An image in which a disk's bitmap has all that changed since the checkpoint:
 * the one that was on top then, and those that it was carried over to. */
struct checkpoint_image {
  char *disk;
  char *file; /* as QEMU names it: a path, also a relative one, or a URL */
};

struct checkpoint {
  char *name;            /* NULL in a request: to be made from the time */
  char *description;     /* NULL: none */
  char *parent;          /* NULL: a root */
  int64_t creation_time; /* seconds since the epoch; 0: not said */
  /* A UUID that tells apart checkpoints that had the name one after the other.
   * Pullback's own element, in no document of libvirt's.  NULL: not said. */
  char *generation;
  struct checkpoint_image *images; /* Pullback's own, too */
  size_t nr_images;
  /* All that is kept of <domain>.  NULL: not said; no name, no <domain>. */
  char *domain_name, *domain_uuid;
  struct checkpoint_disk *disks;
  size_t nr_disks;
};

/* No document is longer (bytes), deeper (elements) or names more disks or
 * images. */
#define FORMATS_MAX_LENGTH (1024 * 1024)
#define FORMATS_MAX_DEPTH  64
#define FORMATS_MAX_DISKS  1024
#define FORMATS_MAX_IMAGES 8192

/* Parses without network, entities or includes, within the limits above.
 * NULL: reported, with the line and what is expected. */
struct checkpoint *checkpoint_parse (const char *xml, size_t length);
/* The caller's.  NULL: out of memory, or a text that XML cannot hold (not
 * UTF-8, a control character); reported. */
char *checkpoint_format (const struct checkpoint *checkpoint);
void checkpoint_free (struct checkpoint *checkpoint);

enum backup_mode { BACKUP_PULL, BACKUP_PUSH };

/* backupmode= of a disk: overrides what the backup as a whole says. */
enum disk_mode { DISK_AS_BACKUP, DISK_FULL, DISK_INCREMENTAL };

enum server_transport { SERVER_UNIX, SERVER_TCP };

/* <target protocol='nbd' name=><host transport= name= port= socket=/>: an NBD
 * server elsewhere, as libvirt writes a disk's network source. */
struct backup_network {
  char *export_name; /* NULL: "", the default export */
  enum server_transport transport;
  char *socket;  /* unix: path */
  char *host;    /* tcp: name= */
  unsigned port; /* tcp: 0: 10809, NBD's own */
};

struct backup_disk {
  char *name;
  bool included; /* backup='yes'; all below is unset if it is 'no' */
  enum disk_mode disk_mode;
  char *incremental;      /* base checkpoint; NULL: the backup's */
  char *export_name;      /* exportname=; NULL: the disk's name */
  char *export_bitmap;    /* exportbitmap=; NULL: "backup-<disk>" */
  char *scratch;          /* <scratch file=|dev=>; NULL: chosen */
  bool scratch_is_device; /* type='block' */
  char *target;           /* push: <target file=|dev=>; NULL: chosen */
  bool target_is_device;
  struct backup_network *network; /* push: type='network'; NULL: it is not */
  char *driver;   /* <driver type=>: qcow2, or in push raw; NULL: qcow2 */
  unsigned index; /* index=: a number for events, output only; 0: none */
};

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
