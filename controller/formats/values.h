/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks of values that both documents hold. */

#ifndef PULLBACK_VALUES_H
#define PULLBACK_VALUES_H

#include <stddef.h>

/* Each stores a copy in *where, the caller's.  -1: reported. */
int store_name (char **where, const char *what, const char *value);
/* What QEMU calls an image: any text without control characters, below
 * PATH_MAX. */
int store_image_name (char **where, const char *value);
/* An absolute path, besides. */
int store_path (char **where, const char *value);
/* 32 hexadecimal digits, with hyphens or without. */
int store_uuid (char **where, const char *value);
/* A host's name or address. */
int store_host (char **where, const char *value);

/* Whether each disk is listed only once.  Structures that begin with a name. */
struct named_list {
  const void *items;
  size_t nr_items, item_size;
};
int check_names_differ (const char *what, const struct named_list *list);

#endif /* PULLBACK_VALUES_H */
