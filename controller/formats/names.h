/* SPDX-License-Identifier: BSD-3-Clause */
/* Which names of domains, disks and checkpoints are accepted. */

#ifndef PULLBACK_NAMES_H
#define PULLBACK_NAMES_H

/* Bytes, without the final NUL. */
#define NAME_MAX_LENGTH 128

/* A name becomes a file's name, a part of an export's name and a bitmap's name:
 * 1 to 128 bytes of UTF-8 with no '/', no '@', no control character (nor what
 * XML cannot hold) and no leading '.'.  'what' ("checkpoint") is for the
 * message.  -1: reported. */
int name_check (const char *what, const char *name);

#endif /* PULLBACK_NAMES_H */
