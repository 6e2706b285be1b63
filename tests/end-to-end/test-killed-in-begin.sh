#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pullbackd killed with -9 at every step of a begin: the next daemon leaves nothing
# of it behind, neither in QEMU nor elsewhere, and what was there before is whole.

. "$srcdir/tests/end-to-end/functions.sh"

start_tap
start_domain
disk_write vda 0x11 0 8M
pullback backup-begin web --checkpoint monday >/dev/null
pullback backup-end web >/dev/null
disk_write vda 0x22 1M 64k

check ()
{
  qemu_alive
  start_pullbackd
  nothing_left
  same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday monday"
  same "checkpoints" "$(pullback checkpoint-list web --name)" monday
  expect_failure "no backup of domain 'web'" pullback backup-info web
}

cut=
for ((step = 1; ; step++)); do
  tap $step kill "$pullbackd_pid"
  pullback -c "unix://$tmp/home/run/pullbackd.sock" backup-begin web \
    --incremental monday --checkpoint tuesday >"$tmp/begin.out" 2>&1 || true
  tapped || break
  wait "$pullbackd_pid" 2>/dev/null || true
  done=$(cat "$tmp/tap.done")
  echo "step $step: $done"
  [ "$done" != "transaction after" ] || cut=${cut:-$step}
  check
done
untap
[ "$step" -gt 16 ] || fail "only $step steps"

# The last one came to its end.
changed_map qemu:dirty-bitmap:backup-vda vda >"$tmp/got"
printf '1048576 65536\n' >"$tmp/expected"
diff -u "$tmp/expected" "$tmp/got"
pullback backup-end web >/dev/null

# QEMU takes the transaction but does not answer, and cannot be reached for some
# time: what is left is removed by itself, without anybody asking.
pullback checkpoint-delete web tuesday >/dev/null
tap "$cut" drop 3
! pullback backup-begin web --checkpoint tuesday >"$tmp/begin.out" 2>&1 ||
  fail "it began"
tapped || fail "there are not so many steps"
untap
same "the step" "$(cat "$tmp/tap.done")" "transaction after"
journal_gone () { [ ! -e "$tmp/home/state/domains/web/job.json" ]; }
wait_for 60 journal_gone
nothing_left
same "bitmaps" "$(bitmaps fmt-a)" monday

# Before anything was made in QEMU, when the processes start: one that sees its
# parent gone does not go on.
mkdir "$tmp/bin"
cat >"$tmp/bin/nbdkit" <<END
#!/bin/sh
kill -9 \$(cat "$tmp/home/run/pullbackd.pid")
PATH=$PATH exec nbdkit "\$@"
END
chmod +x "$tmp/bin/nbdkit"
kill_pullbackd
PATH=$tmp/bin:$PATH start_pullbackd
! pullback -c "unix://$tmp/home/run/pullbackd.sock" backup-begin web \
  >"$tmp/begin.out" 2>&1 || fail "the daemon was not killed"
wait "$pullbackd_pid" 2>/dev/null || true
start_pullbackd
nothing_left
same "bitmaps" "$(bitmaps fmt-a)" "monday"
