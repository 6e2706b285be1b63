/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two halves of the parser of domainbackup share: the document as a
 * whole, and its disks. */

#ifndef PULLBACK_BACKUP_READER_H
#define PULLBACK_BACKUP_READER_H

#include "controller/formats/formats.h"
#include "controller/formats/xml-read.h"

/* What the tables read into, with what only matters while reading. */
struct backup_reader {
  struct backup *backup; /* the caller's of backup_parse */
  enum { TYPE_NOT_SAID, TYPE_FILE, TYPE_BLOCK } type; /* of the last disk */
  bool port_given; /* port='0' is, and means that it is chosen */
};

static inline struct backup *
backup_of (void *opaque)
{
  struct backup_reader *reader = opaque;

  return reader->backup;
}

/* -1: what is being read is only for that mode; reported. */
int only_for_mode (void *opaque, enum backup_mode mode);

/* The values "no" (0) and "yes" (1). */
extern const char *const backup_no_yes[];
/* Why fdgroup= is refused. */
extern const char backup_no_fd_group[];

/* The content of <disks>, and its end. */
extern const struct xml_element backup_disk_element[];
int backup_disks_end (void *opaque);
void backup_disk_clear (struct backup_disk *disk);

#endif /* PULLBACK_BACKUP_READER_H */
