/* SPDX-License-Identifier: BSD-3-Clause */
/* Fills the maps: what is dirty, what reads as zeroes, and when a server's word
 * on zeroes cannot be taken. */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "plugin/exports.h"
#include "plugin/extents.h"
#include "plugin/status.h"

/* QEMU takes 12 to 25 microseconds to tell whether a range reads as zeroes, as
 * long as to send 64 KiB of it.  Where changes are many and short the question
 * costs more than it can save: they are taken for data, which is never wrong.
 */
#define FEW_CHANGES    256       /* in a segment: each is asked about, */
#define MOST_QUESTIONS 4096      /* while those of the map are no more, */
#define LONG_CHANGE    (1 << 20) /* bytes: and one as long in any case */

static int
report_memory (void)
{
  nbdkit_error ("out of memory for a map of extents, or more of them than the "
                "disk has sectors: %s",
                strerror (errno));
  return -1;
}

static int
append_ranges (struct map_builder *builder, const struct ranges *ranges)
{
  for (size_t i = 0; i < ranges->count; i++)
    if (map_append (builder, ranges->items[i].length, ranges->items[i].flags) ==
        -1)
      return report_memory ();
  return 0;
}

/* Tells, by the depth of each piece, whether the answer that it reads as zeroes
 * stands.  0: nowhere allocated; 1: in the exported image itself, which is the
 * overlay; more: in what lies below. */
static uint32_t
zero_or_data (uint32_t depth, uint32_t flags)
{
  return depth == 1 ? EXTENT_DATA : flags;
}

/* An export that offers qemu:allocation-depth is an overlay on a disk which is
 * being written to.  QEMU copies the old bytes to the overlay before each write
 * to the disk, and a read cannot fall between the two; but a block status can:
 * it finds nothing in the overlay, then the old bytes are copied there and the
 * guest zeroes the disk, and then it finds zeroes on the disk.  Believing that
 * would lose data silently.
 *
 * So the depth is asked after the allocation.  What is still not in the overlay
 * by then was not overwritten before, and the zeroes were those of the point in
 * time.  What is in the overlay is taken for data, which is never wrong. */
static int
distrust_zeroes (struct export *export, const struct ranges *allocation,
                 struct ranges *answer)
{
  CLEANUP_RANGES struct ranges zeroes = { 0 };
  CLEANUP_RANGES struct ranges depths = { 0 };
  size_t d = 0;

  for (size_t i = 0; i < allocation->count; i++) {
    const struct range *run = &allocation->items[i];

    if ((run->flags & EXTENT_ZERO) &&
        ranges_append (&zeroes, run->offset, run->length, 0) == -1)
      return report_memory ();
  }
  if (status_ask (export->depth, &zeroes, &depths) == -1)
    return -1;

  for (size_t i = 0; i < allocation->count; i++) {
    const struct range *run = &allocation->items[i];
    uint64_t position = run->offset, end = run->offset + run->length;

    if (!(run->flags & EXTENT_ZERO)) {
      if (ranges_append (answer, run->offset, run->length, run->flags) == -1)
        return report_memory ();
      continue;
    }
    /* Runs of zeroes that touch were asked for as one, so that one depth may
     * reach over several of them. */
    while (position < end) {
      const struct range *depth = &depths.items[d];
      uint64_t depth_end = depth->offset + depth->length;
      uint64_t piece_end = depth_end < end ? depth_end : end;

      if (ranges_append (answer, position, piece_end - position,
                         zero_or_data (depth->flags, run->flags)) == -1)
        return report_memory ();
      position = piece_end;
      if (position == depth_end)
        d++;
    }
  }
  return 0;
}

static int
ask_server (struct export *export, const struct ranges *wanted,
            struct ranges *answer)
{
  CLEANUP_RANGES struct ranges allocation = { 0 };

  if (status_ask (export->allocation, wanted,
                  export->has_depth ? &allocation : answer) == -1)
    return -1;
  if (!export->has_depth)
    return 0;
  return distrust_zeroes (export, &allocation, answer);
}

/* What is still there of what is wanted. */
static int
leave_out_reclaimed (struct reclaim *reclaim, const struct ranges *wanted,
                     struct ranges *left)
{
  for (size_t i = 0; i < wanted->count; i++) {
    const uint64_t end = wanted->items[i].offset + wanted->items[i].length;
    uint64_t position = wanted->items[i].offset, run_end;

    for (; position < end; position = run_end) {
      run_end = end;
      if (!reclaim_is_gone (reclaim, position, &run_end) &&
          ranges_append (left, position, run_end - position, 0) == -1)
        return report_memory ();
    }
  }
  return 0;
}

/* All that is wanted, with what was told of it; the rest is data, which is
 * never wrong: it was read, and can be no more. */
static int
fill_in (const struct ranges *wanted, const struct ranges *told,
         struct ranges *answer)
{
  const struct range *next = told->items, *last = next + told->count;

  for (size_t i = 0; i < wanted->count; i++) {
    const uint64_t end = wanted->items[i].offset + wanted->items[i].length;
    uint64_t position = wanted->items[i].offset, piece_end;

    for (; position < end; position = piece_end) {
      uint32_t flags = EXTENT_DATA;

      while (next < last && next->offset + next->length <= position)
        next++;
      piece_end = end;
      if (next < last && next->offset <= position) {
        flags = next->flags;
        if (next->offset + next->length < end)
          piece_end = next->offset + next->length;
      }
      else if (next < last && next->offset < end)
        piece_end = next->offset;
      if (ranges_append (answer, position, piece_end - position, flags) == -1)
        return report_memory ();
    }
  }
  return 0;
}

/* The flags of the wanted ranges, and of no byte beside them: a server that
 * keeps only what changed refuses to tell of the rest, and of what was
 * reclaimed, which nothing is until this is told. */
static int
ask_allocation (struct export *export, const struct ranges *wanted,
                struct ranges *answer)
{
  CLEANUP_RECLAIM_LEAVE struct reclaim_user user = { 0 };
  CLEANUP_RANGES struct ranges left = { 0 };
  CLEANUP_RANGES struct ranges told = { 0 };
  const struct range *first, *last;

  if (export->reclaim == NULL || wanted->count == 0)
    return ask_server (export, wanted, answer);
  first = &wanted->items[0];
  last = &wanted->items[wanted->count - 1];
  reclaim_enter (export->reclaim, &user, first->offset,
                 last->offset + last->length - first->offset);
  if (leave_out_reclaimed (export->reclaim, wanted, &left) == -1 ||
      ask_server (export, &left, &told) == -1)
    return -1;
  return fill_in (wanted, &told, answer);
}

int
extents_fetch_allocation (void *opaque, uint64_t offset, uint64_t length,
                          struct map_builder *builder)
{
  struct export *export = opaque;
  struct range whole = { .offset = offset, .length = length };
  const struct ranges wanted = { .items = &whole, .count = 1 };
  CLEANUP_RANGES struct ranges answer = { 0 };

  if (ask_allocation (export, &wanted, &answer) == -1)
    return -1;
  for (size_t i = 0; i < answer.count; i++) {
    uint32_t *flags = &answer.items[i].flags;

    /* A hole that need not read as zeroes must be read by who wants it all,
     * while qemu-img would look for it in a backing file. */
    *flags = *flags & EXTENT_ZERO ? *flags & (EXTENT_HOLE | EXTENT_ZERO)
                                  : EXTENT_DATA;
  }
  return append_ranges (builder, &answer);
}

/* What a bitmap says of a range; whatever is not 0 is dirty, also a flag that
 * is not known.  Of what is in question it is worth to ask whether it reads as
 * zeroes. */
#define CLEAN       0
#define DIRTY       1
#define IN_QUESTION 2

/* The first 'count' ranges begin in one segment. */
static void
choose_in_segment (struct bitmap *bitmap, struct range *ranges, size_t count)
{
  const bool can_ask = bitmap->export->has_allocation;
  size_t changes = 0;
  bool are_few;

  for (size_t i = 0; i < count; i++)
    changes += ranges[i].flags != CLEAN;
  are_few = changes <= FEW_CHANGES &&
            atomic_fetch_add (&bitmap->questions, changes) + changes <=
                MOST_QUESTIONS;
  for (size_t i = 0; i < count; i++)
    if (ranges[i].flags != CLEAN)
      ranges[i].flags = can_ask && (are_few || ranges[i].length >= LONG_CHANGE)
                            ? IN_QUESTION
                            : DIRTY;
}

static void
choose_questions (struct bitmap *bitmap, struct ranges *ranges)
{
  const struct range *items = ranges->items;

  for (size_t i = 0, end; i < ranges->count; i = end) {
    const uint64_t segment = items[i].offset / MAP_SEGMENT_SIZE;

    for (end = i; end < ranges->count &&
                  items[end].offset / MAP_SEGMENT_SIZE == segment;)
      end++;
    choose_in_segment (bitmap, &ranges->items[i], end - i);
  }
}

/* The allocation of what is in question. */
static int
ask_questions (struct export *export, const struct ranges *dirty,
               struct ranges *answer)
{
  CLEANUP_RANGES struct ranges wanted = { 0 };

  for (size_t i = 0; i < dirty->count; i++) {
    const struct range *range = &dirty->items[i];

    if (range->flags == IN_QUESTION &&
        ranges_append (&wanted, range->offset, range->length, 0) == -1)
      return report_memory ();
  }
  return ask_allocation (export, &wanted, answer);
}

/* What was answered of one range; '*told' is where its answer begins, and then
 * where the next one's does. */
static int
append_answer (struct map_builder *builder, const struct range *range,
               const struct range **told)
{
  const uint64_t end = range->offset + range->length;
  uint64_t position = range->offset;

  while (position < end) {
    const uint64_t told_end = (*told)->offset + (*told)->length;
    const uint64_t piece_end = told_end < end ? told_end : end;
    const uint32_t flags =
        (*told)->flags & EXTENT_ZERO ? EXTENT_HOLE | EXTENT_ZERO : EXTENT_DATA;

    if (map_append (builder, piece_end - position, flags) == -1)
      return -1;
    position = piece_end;
    if (position == told_end)
      ++*told;
  }
  return 0;
}

static int
append_changes (struct map_builder *builder, const struct ranges *dirty,
                const struct ranges *answer)
{
  const struct range *told = answer->items;

  for (size_t i = 0; i < dirty->count; i++) {
    const struct range *range = &dirty->items[i];
    const int result =
        range->flags == IN_QUESTION
            ? append_answer (builder, range, &told)
            : map_append (builder, range->length,
                          range->flags == CLEAN ? EXTENT_HOLE : EXTENT_DATA);

    if (result == -1)
      return report_memory ();
  }
  return 0;
}

int
extents_fetch_changes (void *opaque, uint64_t offset, uint64_t length,
                       struct map_builder *builder)
{
  struct bitmap *bitmap = opaque;
  struct range whole = { .offset = offset, .length = length };
  const struct ranges wanted = { .items = &whole, .count = 1 };
  CLEANUP_RANGES struct ranges dirty = { 0 };
  CLEANUP_RANGES struct ranges answer = { 0 };

  if (status_ask (bitmap->pool, &wanted, &dirty) == -1)
    return -1;
  choose_questions (bitmap, &dirty);
  if (ask_questions (bitmap->export, &dirty, &answer) == -1)
    return -1;
  return append_changes (builder, &dirty, &answer);
}
