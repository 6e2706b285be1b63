#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# No room for the scratch file: the guest's writes go through all the same.  The
# backup is refused, or it breaks, its reads fail, and no checkpoint comes of it.

. "$srcdir/tests/end-to-end/functions.sh"

scratch=$tmp/scratch
mkdir "$scratch"
mount -t tmpfs -o size=6m tmpfs "$scratch" 2>/dev/null ||
  skip "a file system with little room cannot be mounted here"
trap 'status=$?; umount -l "$scratch"; cleanup $status' EXIT

start_domain
disk_write vda 0x11 0 32M

is_broken () { pullback backup-info web | grep -q "^State: *broken"; }

if pullback backup-begin web --checkpoint monday --scratch "$scratch" \
  >"$tmp/begin.out" 2>&1; then
  disk_write vda 0x22 0 16M
  qemu_alive
  guest_has 0x22 0 16M
  # QEMU says nothing; it is found out all the same, and not before a warning.
  wait_for 20 is_broken
  pullback backup-info web | grep -q "^Reason: .*scratch file.* is full" ||
    fail "$(pullback backup-info web)"
  same "events" "$(http GET '/v1/events?since=0' | grep -o '"event":"[^"]*"' | tr -d '\n')" \
    '"event":"backup-began""event":"backup-scratch""event":"backup-broken"'
  ! nbdcopy "$(uri vda)" null: 2>/dev/null || fail "a lost point in time is served"
  expect_failure "checkpoint 'monday' was removed" pullback backup-end web
else
  grep -q "room\|space" "$tmp/begin.out" || fail "$(cat "$tmp/begin.out")"
fi
guest_has 0x11 20M 4M
nothing_left
! ls "$scratch" | grep . || fail "a scratch file is left"
same "bitmaps" "$(bitmaps fmt-a)" ""
same "checkpoints" "$(pullback checkpoint-list web --name)" ""
