/* SPDX-License-Identifier: BSD-3-Clause */
/* A client of qemu-guest-agent, as far as file systems are to be frozen: its
 * protocol is QMP's JSON without a greeting and without ids, which QEMU's
 * docs/interop/qemu-ga-ref describes. */

#ifndef PULLBACK_AGENT_H
#define PULLBACK_AGENT_H

#include <stdbool.h>

struct agent;

/* Connects to the agent's Unix socket on the host and has it answer, within
 * 'limit_ms', as every function here.  NULL: reported, with the remedy. */
struct agent *agent_open (const char *path, int limit_ms);
/* NULL is no error. */
void agent_close (struct agent *agent);

/* The connection was lost; a new one has to be made. */
bool agent_is_closed (const struct agent *agent);
/* Nobody has the socket any more: there is no QEMU, and no guest. */
bool agent_is_gone (const char *path);

/* Answers that were late for whom asked are forgotten: the agent answers now.
 * -1: reported. */
int agent_synchronize (struct agent *agent, int limit_ms);
/* 1: file systems are frozen, 0: they are not, -1: reported. */
int agent_is_frozen (struct agent *agent, int limit_ms);
/* How many file systems it froze; -1: reported, and without an answer it may
 * still do so. */
int agent_freeze (struct agent *agent, int limit_ms);
/* How many were still frozen, after agent_synchronize; -1: reported. */
int agent_thaw (struct agent *agent, int limit_ms);

static inline void
cleanup_agent_close (struct agent **agent)
{
  agent_close (*agent);
}
#define CLEANUP_AGENT __attribute__ ((cleanup (cleanup_agent_close)))

#endif /* PULLBACK_AGENT_H */
