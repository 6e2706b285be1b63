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
  state_is running || fail "it is over already"
  same "bitmaps" "$(bitmaps fmt-a)" monday
}

begin first
kill -9 "$pullbackd_pid"
wait "$pullbackd_pid" 2>/dev/null || true
start_pullbackd
nothing_left
same "bitmaps" "$(bitmaps fmt-a)$(bitmaps fmt-b)" ""
same "checkpoints" "$(pullback checkpoint-list web --name)" ""

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
