/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes an empty qcow2 image, as docs/interop/qcow2.txt of QEMU describes it.
 * To have QEMU format the overlay of each disk takes four more commands a disk,
 * at the time when a backup begins. */

#include <config.h>

#include <endian.h>
#include <errno.h>
#include <unistd.h>

#include "controller/capture/image.h"
#include "controller/common/error.h"

#define CLUSTER_BITS 16
#define CLUSTER      (UINT64_C (1) << CLUSTER_BITS)

/* All integers are big-endian. */
struct header {
  uint32_t magic, version;
  uint64_t backing_file_offset;
  uint32_t backing_file_size, cluster_bits;
  uint64_t size;
  uint32_t crypt_method, l1_size;
  uint64_t l1_table_offset, refcount_table_offset;
  uint32_t refcount_table_clusters, nb_snapshots;
  uint64_t snapshots_offset;
  uint64_t incompatible, compatible, autoclear;
  uint32_t refcount_order, header_length;
};
_Static_assert(sizeof (struct header) == 104, "no padding");

/* Where things are, in clusters.  The one block of refcounts counts 2 GiB of
 * file, of which an L1 table that QEMU opens takes 32 MiB. */
enum { HEADER, REFCOUNT_TABLE, REFCOUNT_BLOCK, L1_TABLE };

/* An L1 entry is of a cluster of L2 entries of 8 bytes. */
static uint64_t
l1_entries (uint64_t size)
{
  const uint64_t each = CLUSTER * (CLUSTER / 8);

  return size / each + (size % each != 0);
}

static int
write_at (int fd, const void *data, size_t size, uint64_t cluster)
{
  const ssize_t r = pwrite (fd, data, size, (off_t) (cluster * CLUSTER));

  if (r >= 0 && (size_t) r != size)
    errno = ENOSPC;
  return r == (ssize_t) size ? 0 : -1;
}

/* Each cluster that there is is in use once. */
static int
write_refcounts (int fd, uint64_t clusters)
{
  const uint64_t block = htobe64 (REFCOUNT_BLOCK * CLUSTER);
  uint16_t counts[CLUSTER / sizeof (uint16_t)];

  for (uint64_t i = 0; i < clusters; i++)
    counts[i] = htobe16 (1);
  return write_at (fd, &block, sizeof block, REFCOUNT_TABLE) < 0 ||
                 write_at (fd, counts, clusters * sizeof counts[0],
                           REFCOUNT_BLOCK) < 0
             ? -1
             : 0;
}

int
qcow2_format (int fd, uint64_t size)
{
  const uint64_t entries = l1_entries (size);
  const uint64_t clusters = L1_TABLE + (entries * 8 + CLUSTER - 1) / CLUSTER;
  const struct header header = {
    .magic = htobe32 (0x514649fb), /* "QFI\xfb" */
    .version = htobe32 (3),
    .cluster_bits = htobe32 (CLUSTER_BITS),
    .size = htobe64 (size),
    .l1_size = htobe32 ((uint32_t) entries),
    .l1_table_offset = htobe64 (L1_TABLE * CLUSTER),
    .refcount_table_offset = htobe64 (REFCOUNT_TABLE * CLUSTER),
    .refcount_table_clusters = htobe32 (1),
    .refcount_order = htobe32 (4), /* of 16 bits */
    .header_length = htobe32 (sizeof header),
  };

  if (clusters > CLUSTER / sizeof (uint16_t)) {
    errno = EFBIG;
    return -1;
  }
  return ftruncate (fd, (off_t) (clusters * CLUSTER)) < 0 ||
                 write_refcounts (fd, clusters) < 0 ||
                 write_at (fd, &header, sizeof header, HEADER) < 0
             ? -1
             : 0;
}
