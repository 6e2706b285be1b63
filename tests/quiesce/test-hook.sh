#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A hook quiesces an application around the point in time: freeze before, thaw
# always, also where the hook fails or hangs, the cut fails, or the caller is killed.

. "$srcdir/tests/quiesce/functions.sh"

start_domain
start_agent
pullback domain-set web --agent "$tmp/agent.sock" >/dev/null

# It says what it is told, with the time; how it behaves is in $tmp/hook-mode.
cat >"$tmp/hook" <<'END'
#!/bin/sh
echo "$3-hook $(date +%s%6N)" >>"$1"
case $(cat "$2")-$3 in
fails-*|thaw-fails-thaw) exit 3 ;;
hangs-freeze) sleep 1000 ;;
slow-freeze) sleep 0.5 ;;
esac
END
chmod +x "$tmp/hook"
hook="$tmp/hook $tmp/frozen $tmp/hook-mode"
echo good >"$tmp/hook-mode"

expect_failure "needs --hook" pullback backup-begin web --hook-timeout 5
expect_failure "mutually exclusive" pullback backup-begin web --hook "$hook" --prepare
expect_failure "from 1 to" pullback backup-begin web --hook "$hook" --hook-timeout 0

around ()
{
  same "guest" "$(cut -d ' ' -f 1 "$tmp/frozen" | tr '\n' ' ')" "$1 "
  local moment
  moment=$(field cut_time_microseconds)
  [ "$(when freeze-hook)" -lt "$moment" ] && [ "$moment" -lt "$(when thaw-hook)" ] ||
    fail "not frozen at $moment: $(cat "$tmp/frozen")"
  happened >/dev/null
}
for mode in good slow; do
  echo $mode >"$tmp/hook-mode"
  pullback backup-begin web --hook "$hook" --checkpoint c | grep -q "^Backup started"
  around "freeze-hook thaw-hook"
  pullback backup-end web --abort >/dev/null
  # The application first and last, the file systems within.
  pullback backup-begin web --quiesce --hook "$hook" >/dev/null
  around "freeze-hook freeze thaw thaw-hook"
  pullback backup-end web >/dev/null
  # In two steps, as the caller likes; and the answer as it is.
  pullback backup-begin web --prepare >/dev/null
  pullback backup-cut web --hook "$hook" --json | grep -q '"state":"running"'
  around "freeze-hook thaw-hook"
  pullback backup-end web >/dev/null
done

# fails MODE TEXT: nothing is backed up, and the application is thawed.
fails ()
{
  echo "$1" >"$tmp/hook-mode"
  expect_failure "$2" pullback backup-begin web --hook "$hook" --hook-timeout 1 --checkpoint c
  same "guest" "$(happened)" "freeze-hook thaw-hook"
  expect_failure "no backup of domain" pullback backup-info web
  nothing_left
}
fails fails "freeze' failed with status 3"
fails hangs "freeze' took more than 1 s and was killed"
! pgrep -f "$tmp/hook" >/dev/null || fail "a hook is left"
fails thaw-fails "thaw' failed with status 3"
echo good >"$tmp/hook-mode"
expect_failure "failed with status 127" \
  pullback backup-begin web --hook "$tmp/no-such" --checkpoint c
nothing_left

# The cut fails: what was frozen is thawed, and the cut's error is what is said.
start_proxy
pullback domain-add held --qmp "$tmp/proxy.sock" >/dev/null
proxy error transaction
expect_failure "a fault that was made" pullback backup-begin held --hook "$hook" --checkpoint c
same "guest" "$(happened)" "freeze-hook thaw-hook"
nothing_left

# The cut takes too long for what is frozen: it is thawed, and the backup void.
proxy hold transaction
pullback backup-begin held --hook "$hook" --hook-timeout 1 --checkpoint c >"$tmp/out" 2>&1 &
client=$!
wait_for 20 last_is thaw-hook
proxy pass
! wait "$client" || fail "a backup that was not frozen was made"
grep -q "thawed after 1 s" "$tmp/out" || fail "$(cat "$tmp/out")"
same "guest" "$(happened)" "freeze-hook thaw-hook"
nothing_left

# The caller is killed in between; the backup that it began is ended by hand.
proxy hold transaction
PULLBACK_URI="unix://$PULLBACK_HOME/run/pullbackd.sock" \
  pullback backup-begin held --hook "$hook" --checkpoint c >"$tmp/out" 2>&1 &
client=$!
wait_for 20 last_is freeze-hook
kill -9 "$client"
wait_for 20 last_is thaw-hook
proxy pass
wait "$client" || true
pullback backup-end held --abort >/dev/null
nothing_left
