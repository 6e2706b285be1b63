/* SPDX-License-Identifier: BSD-3-Clause */
/* The document domainbackup, written so that backup_parse gives it back. */

#include <config.h>

#include "controller/formats/formats.h"
#include "controller/formats/xml-write.h"

static void
format_server (struct xml_writer *writer, const struct backup *backup)
{
  fputs ("  <server", writer->stream);
  xml_write_attribute (writer, "transport",
                       backup->transport == SERVER_UNIX ? "unix" : "tcp");
  xml_write_attribute (writer, "tls", backup->tls ? "yes" : NULL);
  xml_write_attribute (writer, "name", backup->host);
  if (backup->port)
    fprintf (writer->stream, " port='%u'", backup->port);
  xml_write_attribute (writer, "socket", backup->socket);
  fputs ("/>\n", writer->stream);
}

static void
format_storage (struct xml_writer *writer, const char *element,
                const char *path, bool is_device)
{
  if (!path)
    return;
  fprintf (writer->stream, "      <%s", element);
  xml_write_attribute (writer, is_device ? "dev" : "file", path);
  fputs ("/>\n", writer->stream);
}

static void
format_network (struct xml_writer *writer, const struct backup_network *network)
{
  fputs ("      <target protocol='nbd'", writer->stream);
  xml_write_attribute (writer, "name", network->export_name);
  fputs (">\n        <host", writer->stream);
  xml_write_attribute (writer, "transport",
                       network->transport == SERVER_UNIX ? "unix" : "tcp");
  xml_write_attribute (writer, "name", network->host);
  if (network->port)
    fprintf (writer->stream, " port='%u'", network->port);
  xml_write_attribute (writer, "socket", network->socket);
  fputs ("/>\n      </target>\n", writer->stream);
}

static void
format_disk_attributes (struct xml_writer *writer,
                        const struct backup_disk *disk)
{
  bool is_device = disk->scratch_is_device || disk->target_is_device;

  xml_write_attribute (writer, "type",
                       disk->network ? "network"
                       : is_device   ? "block"
                                     : "file");
  if (disk->disk_mode != DISK_AS_BACKUP)
    xml_write_attribute (writer, "backupmode",
                         disk->disk_mode == DISK_FULL ? "full" : "incremental");
  xml_write_attribute (writer, "incremental", disk->incremental);
  xml_write_attribute (writer, "exportname", disk->export_name);
  xml_write_attribute (writer, "exportbitmap", disk->export_bitmap);
  if (disk->index)
    fprintf (writer->stream, " index='%u'", disk->index);
}

static void
format_disk (struct xml_writer *writer, const struct backup_disk *disk)
{
  fputs ("    <disk", writer->stream);
  xml_write_attribute (writer, "name", disk->name);
  xml_write_attribute (writer, "backup", disk->included ? "yes" : "no");
  if (disk->included)
    format_disk_attributes (writer, disk);
  if (!disk->included ||
      !(disk->scratch || disk->target || disk->network || disk->driver)) {
    fputs ("/>\n", writer->stream);
    return;
  }
  fputs (">\n", writer->stream);
  if (disk->driver) {
    fputs ("      <driver", writer->stream);
    xml_write_attribute (writer, "type", disk->driver);
    fputs ("/>\n", writer->stream);
  }
  format_storage (writer, "scratch", disk->scratch, disk->scratch_is_device);
  format_storage (writer, "target", disk->target, disk->target_is_device);
  if (disk->network)
    format_network (writer, disk->network);
  fputs ("    </disk>\n", writer->stream);
}

char *
backup_format (const struct backup *backup)
{
  struct xml_writer writer;
  size_t i;

  if (xml_writer_open (&writer) < 0)
    return NULL;
  fputs ("<domainbackup", writer.stream);
  xml_write_attribute (&writer, "mode",
                       backup->mode == BACKUP_PULL ? "pull" : "push");
  fputs (">\n", writer.stream);
  xml_write_element (&writer, 2, "incremental", backup->incremental);
  if (backup->server_given)
    format_server (&writer, backup);
  if (backup->nr_disks) {
    fputs ("  <disks>\n", writer.stream);
    for (i = 0; i < backup->nr_disks; i++)
      format_disk (&writer, &backup->disks[i]);
    fputs ("  </disks>\n", writer.stream);
  }
  fputs ("</domainbackup>\n", writer.stream);
  return xml_writer_finish (&writer, "domainbackup");
}
