/* SPDX-License-Identifier: BSD-3-Clause */
/* A child process that does for the confined relay what that cannot do itself:
 * it connects to the server behind, opens the file of pre-shared keys, and at
 * the end removes the socket files.  It takes no other orders, so that whoever
 * takes the relay over still reaches no other file and no other socket.  One
 * that is gone is replaced, without anybody's noticing; only without its
 * keeper, too, the relay ends with a failure. */

#ifndef PULLBACK_ERRANDS_H
#define PULLBACK_ERRANDS_H

struct address;
struct listeners;
struct errands;

/* Forks: no thread may have been started yet.  'keys' is a path, or NULL.
 * All of it ends with this process, whatever ends that.  NULL: reported. */
struct errands *errands_start (const struct address *server, const char *keys,
                               const struct listeners *listeners);

/* A connected socket.  -1: reported. */
int errands_connect (struct errands *errands);

/* The file of keys, to be read from its beginning.  -1: reported. */
int errands_open_keys (struct errands *errands);

void errands_remove_sockets (struct errands *errands);

/* Waits for its end; nothing may be under way any more. */
void errands_end (struct errands *errands);

#endif /* PULLBACK_ERRANDS_H */
