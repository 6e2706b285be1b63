/* SPDX-License-Identifier: BSD-3-Clause */
/* What the writer in the guest does and the checker expects: every write, and
 * every byte of it, is a pure function of the seed and the write's number. */

#ifndef PULLBACK_ORACLE_SCHEDULE_H
#define PULLBACK_ORACLE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define ORACLE_MAX_DISKS 4
#define ORACLE_SECTOR    512
#define ORACLE_WORDS     (ORACLE_SECTOR / 8)
#define ORACLE_MAX_WRITE (UINT64_C (256) << 10)

enum oracle_kind {
  ORACLE_DATA,         /* sectors that carry the write's number */
  ORACLE_WRITE_ZEROES, /* the disk's own command for zeroes */
  ORACLE_ZERO_BYTES,   /* an ordinary write of zeroes */
  ORACLE_DISCARD,      /* each sector may become zeroes, or not change */
};

/* On which it all depends. */
struct oracle_schedule {
  uint64_t seed;
  unsigned disks; /* from 1 to ORACLE_MAX_DISKS */
};

struct oracle_write {
  unsigned disk;
  enum oracle_kind kind;
  uint64_t sector; /* the first one; sectors are ORACLE_SECTOR bytes */
  uint64_t nr_sectors;
};

/* The finalizer of splitmix64: every bit of the input reaches every other. */
static inline uint64_t
oracle_mix (uint64_t x)
{
  x += UINT64_C (0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C (0x94d049bb133111eb);
  return x ^ (x >> 31);
}

/* Only the first one is a whole number of clusters. */
static inline uint64_t
oracle_sectors (unsigned disk)
{
  static const uint64_t bytes[ORACLE_MAX_DISKS] = { 32 << 20, (20 << 20) + 1536,
                                                    (12 << 20) + 4096,
                                                    (5 << 20) - 512 };

  return bytes[disk] / ORACLE_SECTOR;
}

/* The write of that number, counted from 1.  Most fall on a sixteenth of the
 * disk, so that ranges change again while they are pulled.  The others are
 * small and visit the whole of it evenly, so that there are always ranges that
 * a write just before or just after a cut is the first to change.  Half of all
 * do not begin or end with a cluster of the image. */
static inline struct oracle_write
oracle_write_at (const struct oracle_schedule *schedule, uint64_t number)
{
  const uint64_t a = oracle_mix (oracle_mix (schedule->seed) ^ number);
  const uint64_t b = oracle_mix (a);
  const uint64_t c = oracle_mix (b);
  const uint64_t align = a & 0x100 ? 8 : 1; /* 4 KiB, or any sector */
  const bool is_rare = (a >> 9) % 8 == 0;
  const unsigned disk = (a >> 32) % schedule->disks;
  const uint64_t sectors = oracle_sectors (disk);
  struct oracle_write w;

  w.disk = disk;
  switch ((a >> 20) & 15) {
  case 0:
  case 1:
    w.kind = ORACLE_WRITE_ZEROES;
    break;
  case 2:
    w.kind = ORACLE_ZERO_BYTES;
    break;
  case 3:
    w.kind = ORACLE_DISCARD;
    break;
  default:
    w.kind = ORACLE_DATA;
  }
  /* Mostly small, now and then up to the largest. */
  w.nr_sectors = (b >> 8) % 8 == 0 && !is_rare
                     ? 1 + (c >> 32) % (ORACLE_MAX_WRITE / ORACLE_SECTOR)
                     : 1 + (c >> 32) % 32;
  /* Multiples of the golden ratio keep away from each other. */
  if (is_rare)
    w.sector = (number * UINT64_C (0x9e3779b97f4a7c15) >> 32) * sectors >> 32;
  else
    w.sector = c % (sectors / 16);
  w.sector = w.sector / align * align;
  if (w.sector + w.nr_sectors > sectors)
    w.nr_sectors = sectors - w.sector;
  return w;
}

/* Before the first write every other MiB holds data; it counts as write 0. */
static inline bool
oracle_initially_data (uint64_t sector)
{
  return sector / (1024 * 1024 / ORACLE_SECTOR) % 2 == 0;
}

/* The sector as write 'number' leaves it.  The first word is the number itself,
 * so that a checker can read it back; the others prove it. */
static inline void
oracle_fill_sector (uint64_t words[ORACLE_WORDS], uint64_t seed,
                    uint64_t number, unsigned disk, uint64_t sector)
{
  uint64_t x = oracle_mix (oracle_mix (seed + number) ^ (sector << 2 | disk));

  words[0] = number;
  for (unsigned i = 1; i < ORACLE_WORDS; i++) {
    words[i] = x | 1; /* no data word is zero */
    x = x * UINT64_C (6364136223846793005) + UINT64_C (1442695040888963407);
  }
}

#endif /* PULLBACK_ORACLE_SCHEDULE_H */
