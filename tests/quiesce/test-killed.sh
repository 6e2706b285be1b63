#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The guest is thawed also where the daemon is killed between freeze and thaw, or
# the process that guards them, or the cut takes too long.

. "$srcdir/tests/quiesce/functions.sh"

start_domain
start_agent
start_proxy
# Who is killed in between: the monitor holds the transaction back meanwhile.
pullback domain-add held --qmp "$tmp/proxy.sock" --agent "$tmp/agent.sock" >/dev/null

# held [OPTIONS...]: a backup that is frozen and waits for its cut.  Sets client.
held ()
{
  proxy hold transaction
  pullback -c "unix://$PULLBACK_HOME/run/pullbackd.sock" \
    backup-begin held --quiesce --checkpoint c "$@" >"$tmp/out" 2>&1 &
  client=$!
  wait_for 20 last_is freeze
}
held
kill -9 "$(pgrep -f "pullback-freezer.*$tmp/")"
proxy pass
! wait "$client" || fail "a backup that was not frozen was made"
grep -q "ended before it was told to; another one thaws it" "$tmp/out" || fail "$(cat "$tmp/out")"
wait_for 20 last_is thaw
nothing_left
happened >/dev/null

# Time is up before the cut.
held --quiesce-timeout 1
wait_for 20 last_is thaw
proxy pass
! wait "$client" || fail "a backup that was not frozen was made"
grep -q "thawed after 1 s, since the point in time was not taken by then" "$tmp/out" || fail "$(cat "$tmp/out")"
nothing_left
happened >/dev/null

held --quiesce-timeout 60
kill -9 "$pullbackd_pid"
wait_for 20 last_is thaw
proxy pass
! wait "$client" || fail "the daemon was not killed"
wait_for 10 no_freezer
start_pullbackd
pullback domain-info held >/dev/null
nothing_left
happened >/dev/null

# Told to end, it ends when the backup has been made, which is then aborted.
held --quiesce-timeout 60
kill "$pullbackd_pid"
proxy pass
wait "$client" || true
wait "$pullbackd_pid" || true
same "guest" "$(happened)" "freeze thaw"
nothing_left
start_pullbackd

# QEMU gone while its guest is frozen, and the agent with it: nothing is to be thawed.
held --quiesce-timeout 60
kill -9 "$qemu_pid" "$agent_pid"
proxy pass
! wait "$client" || fail "QEMU is gone"
grep -q "closed the monitor" "$tmp/out" || fail "$(cat "$tmp/out")"
wait_for 20 no_freezer
