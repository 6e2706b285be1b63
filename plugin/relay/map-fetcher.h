/* SPDX-License-Identifier: BSD-3-Clause */
/* Fetches whole maps in the background, for who cannot wait for them. */

#ifndef PULLBACK_MAP_FETCHER_H
#define PULLBACK_MAP_FETCHER_H

#include <stdbool.h>

struct relay;
struct map_fetcher;

enum map_state { MAP_IS_WHOLE, MAP_IS_COMING, MAP_IS_LOST };

/* The relay must outlive it.  NULL: errno. */
struct map_fetcher *map_fetcher_new (struct relay *relay);

/* Whether all of an export's map is there; if not it is fetched from now on,
 * unless so many others are that it is to be asked for again.  MAP_IS_LOST:
 * that was tried and has failed, which was reported; the next one to ask has it
 * tried anew. */
enum map_state map_fetcher_ask (struct map_fetcher *fetcher,
                                const char *export);

/* When the relay drains: waits for the threads, and frees.  false: one still
 * waits for upstream, and with it goes on using all of the relay.  NULL is no
 * error. */
bool map_fetcher_end (struct map_fetcher *fetcher);

#endif /* PULLBACK_MAP_FETCHER_H */
