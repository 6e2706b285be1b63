/* SPDX-License-Identifier: BSD-3-Clause */
/* Files and folders below the state folder: private, written whole or not at
 * all, read within a limit.  What begins with '.' is unfinished: no name does,
 * so that it is never listed, and it is removed when the catalogue is opened.
 */

#ifndef PULLBACK_FOLDER_H
#define PULLBACK_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/catalogue/catalogue.h"

/* The folder and those above it, mode 0700; it may exist. -1: reported. */
int make_folder (const char *path);
/* After a name in it was added, changed or removed. -1: reported. */
int sync_folder (const char *path);
/* 1: removed; 0: there was none; -1: reported.  The folder is not synced. */
int remove_file (const char *path);
/* A folder with all that is in it. -1: reported. */
int remove_tree (const char *path);
/* Every entry of the folder whose name begins with '.'. -1: reported. */
int remove_unfinished (const char *path);

/* 1: *data, the caller's, is the content with a NUL behind it; 0: there is no
 * such file; -1: reported, as is a file of more than 'limit' bytes. */
int read_file (const char *path, size_t limit, char **data, size_t *size);

/* The names in the folder that end in 'suffix', without it, sorted.
 * NULL: reported. */
name_list list_folder (const char *path, const char *suffix);

#endif /* PULLBACK_FOLDER_H */
