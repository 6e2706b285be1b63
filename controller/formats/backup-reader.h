/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two halves of the parser of domainbackup share: the document as a
 * whole, and its disks. */

#ifndef PULLBACK_BACKUP_READER_H
#define PULLBACK_BACKUP_READER_H

#include "controller/formats/formats.h"
#include "controller/formats/xml-read.h"

enum storage_type { TYPE_NOT_SAID, TYPE_FILE, TYPE_BLOCK, TYPE_NETWORK };

/* What the tables read into, with what only matters while reading. */
struct backup_reader {
  struct backup *backup;  /* the caller's of backup_parse */
  enum storage_type type; /* of the last disk */
  bool port_given;        /* port='0' is, and means that it is chosen */
  bool protocol_given, host_given; /* in the last target */
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
struct backup_disk *backup_last_disk (void *opaque);

/* The path of a Unix socket. */
int store_socket_path (char **where, const char *value);
int backup_transport (enum server_transport *where, const char *value);

/* A target on the network; see backup-network.c. */
extern const struct xml_attribute backup_network_host[];
extern const char backup_network_no_tls[];
int backup_network_protocol (void *opaque, const char *value);
int backup_network_name (void *opaque, const char *value);
int backup_network_begin_host (void *opaque);
int backup_network_end_host (void *opaque);
int backup_network_end_target (void *opaque);
/* type='network' and a target with protocol= come together. */
int backup_network_check (const struct backup_reader *reader,
                          const struct backup_disk *disk);
void backup_network_free (struct backup_network *network);

#endif /* PULLBACK_BACKUP_READER_H */
