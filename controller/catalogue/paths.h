/* SPDX-License-Identifier: BSD-3-Clause */
/* Where in the state folder what is kept.  Names are checked here, so that none
 * leads out of it. */

#ifndef PULLBACK_PATHS_H
#define PULLBACK_PATHS_H

/* Each the caller's; NULL: reported. */
char *path_of_domains (const char *state);
/* STATE/domains/DOMAIN, or with 'file' what is in it. */
char *path_in_domain (const char *state, const char *domain, const char *file);
/* STATE/domains/DOMAIN/checkpoints/CHECKPOINT.xml */
char *path_of_checkpoint (const char *state, const char *domain,
                          const char *checkpoint);

#endif /* PULLBACK_PATHS_H */
