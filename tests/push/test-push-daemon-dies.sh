#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The daemon is killed, and once told to stop, while QEMU writes: the next one
# takes the push down, with its checkpoint, and the guest lives.

. "$srcdir/tests/push/functions.sh"

start_domain
disk_write vda 0x11 0 48M
slow_server slow 4000000

# begin: a push of both disks that takes a while.
begin ()
{
  pullback backup-begin web --push --checkpoint monday \
    --target "vda=nbd+unix:///?socket=$tmp/slow.sock" \
    --target "vdb=$tmp/vdb.$1" >/dev/null
  backup_is running || fail "it is over already"
  same "bitmaps" "$(bitmaps fmt-a)" monday
}

begin first
[ -e "$tmp/vdb.first" ] || fail "there is no target"
kill -9 "$pullbackd_pid"
wait "$pullbackd_pid" 2>/dev/null || true
start_pullbackd
nothing_left
same "bitmaps" "$(bitmaps fmt-a)$(bitmaps fmt-b)" ""
same "checkpoints" "$(pullback checkpoint-list web --name)" ""

[ ! -e "$tmp/vdb.first" ] || fail "a target that is not whole is left"

# One that is somebody else's by then stays.
begin other
kill -9 "$pullbackd_pid"
wait "$pullbackd_pid" 2>/dev/null || true
rm "$tmp/vdb.other"
echo mine >"$tmp/mine"
mv "$tmp/mine" "$tmp/vdb.other"
start_pullbackd
nothing_left
same "file" "$(cat "$tmp/vdb.other")" mine

# In the begin, before and after everything that it does in QEMU, and when it has
# completed: what was committed is kept, and nothing else is.
kill_pullbackd
start_tap
start_pullbackd
pullback domain-remove web >/dev/null
pullback domain-add web --qmp "$monitor" >/dev/null
for step in 1 2 3 4 7 8 9 10 13 14; do
  tap $step kill "$pullbackd_pid"
  pullback -c "unix://$tmp/home/run/pullbackd.sock" backup-begin web --push \
    --disk vdb --checkpoint sunday --target "vdb=$tmp/vdb.$step" \
    >"$tmp/begin.out" 2>&1 || true
  wait_for 20 tapped
  wait "$pullbackd_pid" 2>/dev/null || true
  echo "step $step: $(cat "$tmp/tap.done")"
  start_pullbackd
  nothing_left
  if [ "$(pullback checkpoint-list web --name)" = sunday ]; then
    same "bitmaps" "$(bitmaps fmt-b)" sunday
    compare_raw "$tmp/vdb.$step" "$tmp/vdb.truth"
    pullback checkpoint-delete web sunday >/dev/null
  else
    same "bitmaps" "$(bitmaps fmt-b)" ""
    [ ! -e "$tmp/vdb.$step" ] || fail "a target that is not whole is left"
  fi
done
untap

begin second
kill "$pullbackd_pid"
wait "$pullbackd_pid" || true
nothing_left
same "bitmaps" "$(bitmaps fmt-a)$(bitmaps fmt-b)" ""
[ ! -e "$tmp/vdb.second" ] || fail "a file is left"

start_pullbackd
pullback backup-begin web --push --checkpoint monday --disk vda \
  --target "vda=$tmp/vda.third" >/dev/null
wait_state completed
compare_raw "$tmp/vda.third" "$tmp/vda.truth"
qemu_alive
