/* SPDX-License-Identifier: BSD-3-Clause */
/* Which method suits which QEMU: one table, with the reason for each row. */

#include <config.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "controller/capture/internal.h"
#include "controller/common/error.h"

/* The first row that fits decides.  Versions as qmp_version gives them. */
static const struct row {
  enum capture_method method;
  int version;   /* from this one on */
  bool iothread; /* also for a disk whose device is in an iothread */
  const char *command, *variant, *member; /* what the schema must know */
} table[] = {
  /* blockdev-backup learnt on-cbw-error and with it to keep the guest unharmed;
   * it goes in the transaction that adds the bitmaps: no pause at all. */
  { CAPTURE_TRANSACTION, 10001, true, "blockdev-backup", NULL, "on-cbw-error" },
  /* Before 8.0 snapshot-access answers reads and block status that cross a
   * cluster of the copy with bytes of another time, and nothing reports it.
   * With an iothread the guest's disk can stay still for ever after 'stop' and
   * 'cont', which this method needs: a notification of virtio-blk is lost (seen
   * with 10.0 and 11.1 after some dozens of them, never without an iothread).
   */
  { CAPTURE_FILTER, 8000, false, "blockdev-add", "copy-before-write",
    "on-cbw-error" },
  /* The way of libvirt's pull backup.  Several bitmaps for one export and
   * allocation-depth are of 5.2. */
  { CAPTURE_OVERLAY, 5002, true, "block-export-add", "nbd",
    "allocation-depth" },
};

static const char *const names[] = {
  [CAPTURE_AUTO] = "auto",
  [CAPTURE_TRANSACTION] = "transaction",
  [CAPTURE_FILTER] = "filter",
  [CAPTURE_OVERLAY] = "overlay",
};

const char *
capture_method_name (enum capture_method method)
{
  return names[method];
}

int
capture_method_from_name (const char *name)
{
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp (names[i], name) == 0)
      return (int) i;
  return -1;
}

/* -1: reported. */
static int
row_fits (struct qmp *qmp, const struct row *row, bool iothread)
{
  return qmp_version (qmp) >= row->version && (row->iothread || !iothread)
             ? qmp_can (qmp, row->command, row->variant, row->member)
             : 0;
}

/* 'least': the version from which on there is one, INT_MAX: there is none. */
static void
report_none (struct qmp *qmp, enum capture_method wanted, bool iothread,
             int least)
{
  char needed[64] = "no version can";

  if (least != INT_MAX)
    snprintf (needed, sizeof needed, "that needs at least QEMU %d.%d",
              least / 1000, least % 1000);
  fail (ERROR_UNSUPPORTED,
        "QEMU %s cannot be backed up by the method '%s'%s: %s%s",
        qmp_version_text (qmp), capture_method_name (wanted),
        iothread ? " with disks in an iothread" : "", needed,
        wanted == CAPTURE_AUTO ? "" : "; leave the choice to Pullback");
}

enum capture_method
capture_choose (struct qmp *qmp, enum capture_method wanted, bool iothread)
{
  int least = INT_MAX, fits;

  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    const struct row *row = &table[i];

    if (wanted != CAPTURE_AUTO && row->method != wanted)
      continue;
    fits = row_fits (qmp, row, iothread);
    if (fits != 0)
      return fits > 0 ? row->method : CAPTURE_AUTO;
    if ((row->iothread || !iothread) && row->version < least)
      least = row->version;
  }
  report_none (qmp, wanted, iothread, least);
  return CAPTURE_AUTO;
}

enum capture_method
capture_method_for (struct qmp *qmp, bool iothread)
{
  return capture_choose (qmp, CAPTURE_AUTO, iothread);
}
