#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pullbackd told to make room for the next one: requests are answered, it ends, and a
# backup that runs goes on without it and is taken up; one that is only prepared is
# taken down.

. "$srcdir/tests/end-to-end/functions.sh"

# stop_for_restart: as 'systemctl restart' does.
stop_for_restart ()
{
  kill -s USR1 "$pullbackd_pid"
  wait "$pullbackd_pid" || fail "it ended with status $?"
  [ ! -e "$tmp/home/run/pullbackd.sock" ] || fail "its socket is left"
  [ ! -e "$tmp/home/run/pullbackd.pid" ] || fail "its pid file is left"
}

reads_right ()
{
  rm -f "$tmp/vda.read"
  read_from vda "$tmp/vda.read"
  cmp "$tmp/vda.read" "$tmp/vda.cut"
}

start_domain
disk_write vda 0x11 0 8M
cp "$tmp/vda.truth" "$tmp/vda.cut"

# Several times, and nobody notices, nor does who waits for events.
pullback backup-begin web --checkpoint monday >/dev/null
pullback event --all --loop --since 0 >"$tmp/events" 2>"$tmp/events.err" &
events=$!
ends_with_test "$events"
wait_for 10 grep -q "event 'backup-began'" "$tmp/events"
for time in first second; do
  stop_for_restart
  qemu_alive
  disk_write vda 0x22 1M 64k
  reads_right
  start_pullbackd
  same "state after the $time restart" "$(backup_state)" running
  reads_right
done
grep -q "left to the next daemon" "$tmp/pullbackd.log"
pullback backup-end web >/dev/null
nothing_left
same "checkpoints" "$(pullback checkpoint-list web --name | xargs)" monday
wait_for 10 grep -q "event 'backup-ended'" "$tmp/events"
kill "$events"
wait "$events" || fail "it ended with status $?"

# A daemon that takes the place of another, as one that a client has started.
pullback backup-begin web --checkpoint tuesday >/dev/null
first=$pullbackd_pid
pullbackd --replace >>"$tmp/pullbackd.log" 2>&1 &
pullbackd_pid=$!
ends_with_test "$pullbackd_pid"
wait "$first" || fail "it ended with status $?"
wait_for 10 pullbackd_answers
same "pid" "$(cat "$tmp/home/run/pullbackd.pid")" "$pullbackd_pid"
same "state after it was replaced" "$(backup_state)" running
pullback backup-end web >/dev/null
nothing_left

# Without a backup there is nothing to leave.
: >"$tmp/pullbackd.log"
stop_for_restart
! grep -q "left to the next daemon" "$tmp/pullbackd.log" ||
  fail "it left what is not there"
start_pullbackd

pullback backup-begin web --prepare --checkpoint wednesday >/dev/null
stop_for_restart
start_pullbackd
nothing_left
same "checkpoints" "$(pullback checkpoint-list web --name | xargs)" "monday tuesday"
qemu_alive
