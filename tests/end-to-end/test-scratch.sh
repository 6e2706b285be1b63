#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Where scratch files are made, the room that is asked for before a backup begins,
# the limit that breaks it cleanly, and the warnings before that.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
disk_write vda 0x11 0 48M
disk_write vdb 0x44 0 48M
mkdir "$tmp/one" "$tmp/two"
cd "$tmp"
qdev=/machine/peripheral/vda/virtio-backend

# Where: for all, and for one disk.
pullback backup-begin web --scratch one --scratch vdb="$tmp/two" >"$tmp/begin.out"
ls one/pullback-web-vda.scratch two/pullback-web-vdb.scratch
grep -q "^Scratch used: " "$tmp/begin.out" || fail "nothing is said of scratch"
pullback backup-end web
nothing_left
[ -z "$(ls one; ls two)" ] || fail "a scratch file is left"
expect_failure "disk 'vdc', whose scratch file is to be in .* not part of the backup" \
  pullback backup-begin web --scratch vdc=two
expect_failure "twice for all disks" pullback backup-begin web --scratch one --scratch two
expect_failure "cannot make scratch files in the folder" \
  pullback backup-begin web --scratch vda=nowhere
expect_failure "a size such as 500M or 20G, not '20X'" \
  pullback backup-begin web --scratch-limit 20X
expect_failure "a share from 0 to 100, not '101'" \
  pullback backup-begin web --scratch-reserve 101
expect_failure "only for a backup without --push" \
  pullback backup-begin web --push --scratch-limit 20G

# The room: of both disks in one file system together.
mkdir small
if mount -t tmpfs -o size=100m tmpfs small 2>/dev/null; then
  trap 'status=$?; umount -l "$tmp/small"; cleanup $status' EXIT
  expect_failure "too little room for scratch files: .* 100 MiB free, and 100% of what" \
    pullback backup-begin web --scratch small --scratch-reserve 100
  nothing_left
  # What another disk needs elsewhere does not count.
  if pullback backup-begin web --scratch vda=small --scratch vdb=two \
    --scratch-reserve 100 >"$tmp/begin.out" 2>&1; then
    pullback backup-end web
  else
    # An overlay needs more than the disk's size of it.
    grep -q "would fail the guest's writes" "$tmp/begin.out" || fail "$(cat "$tmp/begin.out")"
  fi
  [ -z "$(ls small)" ] || fail "a scratch file is left"
fi

# The limit.  By an overlay each disk reserves at least 64 MiB, or all.
pullback backup-begin web --checkpoint monday --scratch one --scratch-limit 20M \
  >"$tmp/begin.out" 2>&1 || {
  grep -q "too low for this version of QEMU" "$tmp/begin.out" || fail "$(cat "$tmp/begin.out")"
  pullback domain-info web | grep -q "overlay" || fail "a limit is refused"
  nothing_left
  exit 0
}
grep -q "Scratch used: .* of 20.0 MiB" "$tmp/begin.out" || fail "$(cat "$tmp/begin.out")"
has_said () { http GET "/v1/events?since=0" >"$tmp/events"; grep -q "$1" "$tmp/events"; }
state_is () { pullback backup-info web | grep -q "^State: *$1"; }
guest_write $qdev "write -P 0x22 0 14M"
sleep 0.5
! has_said backup-scratch || fail "a warning came at 14 of 20 MiB"
guest_write $qdev "write -P 0x22 14M 2M"
wait_for 8 has_said '"backup-scratch"[^}]*"percent": *8'
state_is running || fail "broken before the limit"
read_from vdb vdb.raw
cmp vdb.raw vdb.truth
guest_write $qdev "write -P 0x22 16M 8M"
wait_for 20 state_is broken
pullback backup-info web | grep -q "^Reason: *the scratch files have reached the limit of 20971520 bytes" ||
  fail "$(pullback backup-info web)"
expect_failure "" nbdcopy "$(uri vda)" null:
# Nothing more is copied, and the guest's writes are its own.
used=$(du -k one/pullback-web-vda.scratch | cut -f1)
guest_write $qdev "write -P 0x33 24M 24M"
same "what is copied after the end" "$(du -k one/pullback-web-vda.scratch | cut -f1)" "$used"
: >"$tmp/qemu.log"
guest_write $qdev "read -P 0x33 24M 24M"
guest_write $qdev "read -P 0x22 0 24M"
! grep -q "verification failed\|error" "$tmp/qemu.log" || fail "$(cat "$tmp/qemu.log")"
expect_failure "checkpoint 'monday' was removed" pullback backup-end web
nothing_left
same "bitmaps" "$(bitmaps fmt-a)" ""
