#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pullbackd killed with -9 at every step of an end: the next daemon finishes it, or
# has the backup still running; the checkpoint is there whole, or gone whole.

. "$srcdir/tests/end-to-end/functions.sh"

start_tap
start_domain
disk_write vda 0x11 0 8M
pullback backup-begin web --checkpoint monday >/dev/null
pullback backup-end web >/dev/null
disk_write vda 0x22 1M 64k
cp "$tmp/vda.truth" "$tmp/vda.cut"

begin ()
{
  pullback backup-begin web --incremental monday --checkpoint tuesday >/dev/null
  read_from vda "$tmp/vda.read"
  cmp "$tmp/vda.read" "$tmp/vda.cut"
  rm "$tmp/vda.read"
}

# Ends the backup if it still runs, as whoever was not answered does, and deletes
# the checkpoint if it was committed.
check ()
{
  qemu_alive
  start_pullbackd
  if pullback backup-info web >/dev/null 2>&1; then
    same "state" "$(backup_state)" running
    pullback backup-end web $1 >/dev/null
  fi
  nothing_left
  case $(pullback checkpoint-list web --name | xargs) in
  "monday tuesday")
    [ -z "$1" ] || fail "an aborted backup was committed"
    same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" \
      "monday tuesday monday tuesday"
    same "current" "$(pullback checkpoint-current web --name)" tuesday
    pullback checkpoint-delete web tuesday >/dev/null
    ;;
  monday)
    same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday monday"
    ;;
  *) fail "checkpoints: $(pullback checkpoint-list web --name)" ;;
  esac
}

# Each command in turn before and after, and of each two one with --abort.
for ((step = 1; ; step++)); do
  how=
  [ $((step % 4)) -lt 2 ] || how=--abort
  begin
  tap $step kill "$pullbackd_pid"
  pullback -c "unix://$tmp/home/run/pullbackd.sock" backup-end web $how \
    >"$tmp/end.out" 2>&1 || true
  tapped || break
  wait "$pullbackd_pid" 2>/dev/null || true
  echo "step $step of end $how: $(cat "$tmp/tap.done")"
  check "$how"
done
[ "$step" -gt 16 ] || fail "only $step steps"
qemu_alive
nothing_left
