/* SPDX-License-Identifier: BSD-3-Clause */
/* The document domaincheckpoint: what may stand in it, read and written. */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "controller/common/error.h"
#include "controller/formats/formats.h"
#include "controller/formats/utf8.h"
#include "controller/formats/values.h"
#include "controller/formats/xml-read.h"
#include "controller/formats/xml-write.h"

/* Of Pullback's own elements. */
#define NAMESPACE "urn:pullback:checkpoint:1"

void
checkpoint_free (struct checkpoint *checkpoint)
{
  size_t i;

  if (!checkpoint)
    return;
  for (i = 0; i < checkpoint->nr_disks; i++) {
    free (checkpoint->disks[i].name);
    free (checkpoint->disks[i].bitmap);
  }
  free (checkpoint->disks);
  for (i = 0; i < checkpoint->nr_images; i++) {
    free (checkpoint->images[i].disk);
    free (checkpoint->images[i].file);
  }
  free (checkpoint->images);
  free (checkpoint->name);
  free (checkpoint->description);
  free (checkpoint->parent);
  free (checkpoint->generation);
  free (checkpoint->domain_name);
  free (checkpoint->domain_uuid);
  free (checkpoint);
}

/* The reader of the tables below is the checkpoint; of a disk's attributes, its
 * last disk. */
static struct checkpoint_disk *
last_disk (void *reader)
{
  struct checkpoint *checkpoint = reader;

  return &checkpoint->disks[checkpoint->nr_disks - 1];
}

static int
begin_disk (void *reader)
{
  struct checkpoint *checkpoint = reader;
  struct checkpoint_disk *disks;

  if (checkpoint->nr_disks == FORMATS_MAX_DISKS)
    return fail (ERROR_INVALID, "there are more than %d disks",
                 FORMATS_MAX_DISKS);
  disks =
      reallocarray (checkpoint->disks, checkpoint->nr_disks + 1, sizeof *disks);
  if (!disks)
    return fail_errno (ERROR_SYSTEM, "cannot add a disk");
  checkpoint->disks = disks;
  disks[checkpoint->nr_disks++] =
      (struct checkpoint_disk){ .included = true, .size = -1 };
  return 0;
}

static int
store_disk_name (void *reader, const char *value)
{
  if (value[0] == '/')
    return store_path (&last_disk (reader)->name, value);
  return store_name (&last_disk (reader)->name, "disk", value);
}

static int
store_disk_checkpoint (void *reader, const char *value)
{
  static const char *const choices[] = { "no", "bitmap", NULL };
  int choice = xml_choice (value, choices);

  if (choice < 0)
    return -1;
  last_disk (reader)->included = choice == 1;
  return 0;
}

static int
store_disk_bitmap (void *reader, const char *value)
{
  return store_name (&last_disk (reader)->bitmap, "bitmap", value);
}

static int
store_disk_size (void *reader, const char *value)
{
  uint64_t size;

  if (xml_store_number (&size, value, INT64_MAX) < 0)
    return -1;
  last_disk (reader)->size = size;
  return 0;
}

static int
end_disk (void *reader)
{
  const struct checkpoint_disk *disk = last_disk (reader);

  if (!disk->included && (disk->bitmap || disk->size >= 0))
    return fail (ERROR_INVALID,
                 "disk '%s' has checkpoint='no' and yet a %s; leave one out",
                 disk->name, disk->bitmap ? "bitmap" : "size");
  return 0;
}

static int
end_disks (void *reader)
{
  const struct checkpoint *checkpoint = reader;
  const struct named_list list = { checkpoint->disks, checkpoint->nr_disks,
                                   sizeof checkpoint->disks[0] };

  if (checkpoint->nr_disks == 0)
    return fail (ERROR_INVALID,
                 "lists no <disk>; leave <disks> out to mean all disks");
  return check_names_differ ("disk", &list);
}

static int
begin_image (void *reader)
{
  struct checkpoint *checkpoint = reader;
  struct checkpoint_image *images;

  if (checkpoint->nr_images == FORMATS_MAX_IMAGES)
    return fail (ERROR_INVALID, "there are more than %d images",
                 FORMATS_MAX_IMAGES);
  images = reallocarray (checkpoint->images, checkpoint->nr_images + 1,
                         sizeof *images);
  if (!images)
    return fail_errno (ERROR_SYSTEM, "cannot add an image");
  checkpoint->images = images;
  images[checkpoint->nr_images++] = (struct checkpoint_image){ 0 };
  return 0;
}

static int
store_image_disk (void *reader, const char *value)
{
  struct checkpoint *checkpoint = reader;

  return store_name (&checkpoint->images[checkpoint->nr_images - 1].disk,
                     "disk", value);
}

static int
store_image_file (void *reader, const char *value)
{
  struct checkpoint *checkpoint = reader;

  return store_image_name (&checkpoint->images[checkpoint->nr_images - 1].file,
                           value);
}

static int
store_checkpoint_name (void *reader, const char *text)
{
  struct checkpoint *checkpoint = reader;

  return store_name (&checkpoint->name, "checkpoint", text);
}

static int
store_description (void *reader, const char *text)
{
  struct checkpoint *checkpoint = reader;

  return text[0] ? xml_store_text (&checkpoint->description, text) : 0;
}

static int
store_creation_time (void *reader, const char *text)
{
  struct checkpoint *checkpoint = reader;
  uint64_t seconds;

  if (xml_store_number (&seconds, text, INT64_MAX) < 0)
    return -1;
  checkpoint->creation_time = seconds;
  return 0;
}

static int
store_generation (void *reader, const char *text)
{
  struct checkpoint *checkpoint = reader;

  return store_uuid (&checkpoint->generation, text);
}

static int
store_parent_name (void *reader, const char *text)
{
  struct checkpoint *checkpoint = reader;

  return store_name (&checkpoint->parent, "parent checkpoint", text);
}

static int
end_parent (void *reader)
{
  const struct checkpoint *checkpoint = reader;

  if (!checkpoint->parent)
    return fail (ERROR_INVALID, "expected a <name> in it");
  return 0;
}

static int
store_domain_name (void *reader, const char *text)
{
  struct checkpoint *checkpoint = reader;

  if (text[0] == '\0' || strchr (text, '\n'))
    return fail (ERROR_INVALID, "'%s' is not a domain's name",
                 utf8_show (text).text);
  return xml_store_text (&checkpoint->domain_name, text);
}

static int
store_domain_uuid (void *reader, const char *text)
{
  struct checkpoint *checkpoint = reader;

  return store_uuid (&checkpoint->domain_uuid, text);
}

static int
end_domain (void *reader)
{
  const struct checkpoint *checkpoint = reader;

  if (!checkpoint->domain_name)
    return fail (ERROR_INVALID, "expected a <name> in it");
  return 0;
}

static int
end_checkpoint (void *reader)
{
  const struct checkpoint *checkpoint = reader;

  if (checkpoint->name && checkpoint->parent &&
      strcmp (checkpoint->name, checkpoint->parent) == 0)
    return fail (ERROR_INVALID, "checkpoint '%s' is its own parent",
                 checkpoint->name);
  return 0;
}

static const struct xml_element disk_element[] = {
  { .name = "disk",
    .many = true,
    .begin = begin_disk,
    .attributes =
        (const struct xml_attribute[]){
            { .name = "name", .store = store_disk_name, .required = true },
            { .name = "checkpoint", .store = store_disk_checkpoint },
            { .name = "bitmap", .store = store_disk_bitmap },
            { .name = "size", .store = store_disk_size },
            { .name = NULL } },
    .end = end_disk },
  { .name = NULL }
};

static const struct xml_attribute image_attributes[] = {
  { .name = "disk", .store = store_image_disk, .required = true },
  { .name = "file", .store = store_image_file, .required = true },
  { .name = NULL }
};

static const struct xml_element parent_children[] = {
  { .name = "name", .text = store_parent_name }, { .name = NULL }
};

static const struct xml_element domain_children[] = {
  { .name = "name", .text = store_domain_name },
  { .name = "uuid", .text = store_domain_uuid },
  { .name = NULL }
};

static const struct xml_element checkpoint_children[] = {
  { .name = "name", .text = store_checkpoint_name },
  { .name = "description", .text = store_description },
  { .name = "parent", .children = parent_children, .end = end_parent },
  { .name = "creationTime", .text = store_creation_time },
  { .name = "generation", .space = NAMESPACE, .text = store_generation },
  { .name = "image",
    .space = NAMESPACE,
    .many = true,
    .begin = begin_image,
    .attributes = image_attributes },
  { .name = "disks", .children = disk_element, .end = end_disks },
  { .name = "domain",
    .children = domain_children,
    .opaque = true,
    .end = end_domain },
  { .name = NULL }
};

static const struct xml_element checkpoint_element = {
  .name = "domaincheckpoint",
  .children = checkpoint_children,
  .end = end_checkpoint,
};

struct checkpoint *
checkpoint_parse (const char *xml, size_t length)
{
  CLEANUP_CHECKPOINT struct checkpoint *checkpoint =
      calloc (1, sizeof *checkpoint);

  if (!checkpoint) {
    fail_errno (ERROR_SYSTEM, "cannot read a checkpoint");
    return NULL;
  }
  if (xml_read (xml, length, &checkpoint_element, checkpoint) < 0)
    return NULL;
  return STEAL (checkpoint);
}

static void
format_disk (struct xml_writer *writer, const struct checkpoint_disk *disk)
{
  fputs ("    <disk", writer->stream);
  xml_write_attribute (writer, "name", disk->name);
  xml_write_attribute (writer, "checkpoint", disk->included ? "bitmap" : "no");
  if (disk->included) {
    xml_write_attribute (writer, "bitmap", disk->bitmap);
    if (disk->size >= 0)
      fprintf (writer->stream, " size='%" PRIi64 "'", disk->size);
  }
  fputs ("/>\n", writer->stream);
}

static void
format_domain (struct xml_writer *writer, const struct checkpoint *checkpoint)
{
  /* libvirt's schema wants a type; the one of a domain without a hypervisor's
   * module is as good as any. */
  fputs ("  <domain type='qemu'>\n", writer->stream);
  xml_write_element (writer, 4, "name", checkpoint->domain_name);
  xml_write_element (writer, 4, "uuid", checkpoint->domain_uuid);
  fputs ("  </domain>\n", writer->stream);
}

char *
checkpoint_format (const struct checkpoint *checkpoint)
{
  struct xml_writer writer;
  size_t i;

  if (xml_writer_open (&writer) < 0)
    return NULL;
  fputs ("<domaincheckpoint>\n", writer.stream);
  xml_write_element (&writer, 2, "name", checkpoint->name);
  xml_write_element (&writer, 2, "description", checkpoint->description);
  if (checkpoint->parent) {
    fputs ("  <parent>\n", writer.stream);
    xml_write_element (&writer, 4, "name", checkpoint->parent);
    fputs ("  </parent>\n", writer.stream);
  }
  if (checkpoint->creation_time)
    fprintf (writer.stream, "  <creationTime>%" PRIi64 "</creationTime>\n",
             checkpoint->creation_time);
  if (checkpoint->generation)
    fprintf (writer.stream,
             "  <pullback:generation xmlns:pullback='" NAMESPACE "'>%s"
             "</pullback:generation>\n",
             checkpoint->generation);
  for (i = 0; i < checkpoint->nr_images; i++) {
    fputs ("  <pullback:image xmlns:pullback='" NAMESPACE "'", writer.stream);
    xml_write_attribute (&writer, "disk", checkpoint->images[i].disk);
    xml_write_attribute (&writer, "file", checkpoint->images[i].file);
    fputs ("/>\n", writer.stream);
  }
  if (checkpoint->nr_disks) {
    fputs ("  <disks>\n", writer.stream);
    for (i = 0; i < checkpoint->nr_disks; i++)
      format_disk (&writer, &checkpoint->disks[i]);
    fputs ("  </disks>\n", writer.stream);
  }
  if (checkpoint->domain_name)
    format_domain (&writer, checkpoint);
  fputs ("</domaincheckpoint>\n", writer.stream);
  return xml_writer_finish (&writer, "domaincheckpoint");
}
