#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The target's file system is full: the backup fails with the reason, at whatever
# byte it is, and the guest goes on. Needs a small file system of its own.

. "$srcdir/tests/push/functions.sh"

[ "$(id -u)" = 0 ] || skip "only root can mount a small file system"
mkdir "$tmp/small"
mount -t tmpfs -o size=6M none "$tmp/small" 2>/dev/null ||
  skip "no file system can be mounted here"
# The folder goes with the test, the mount before it.
leave ()
{
  local status=$?
  set +e
  umount -l "$tmp/small"
  (exit $status)
  cleanup
}
trap leave EXIT

start_domain
disk_write vda 0x11 0 16M
disk_write vdb 0x11 0 1M
pullback backup-begin web --push --checkpoint monday \
  --target "vda=$tmp/small/vda" --target "vdb=$tmp/vdb.new" >/dev/null
disk_write vda 0x22 15M 64k
wait_state failed
pullback backup-info web | grep -q \
  "^Reason: *disk 'vda', to '$tmp/small/vda': .*No space left on device" ||
  { pullback backup-info web; fail "the reason is not said"; }
nothing_left
same "bitmaps" "$(bitmaps fmt-a)$(bitmaps fmt-b)" ""
same "checkpoints" "$(pullback checkpoint-list web --name)" ""
[ ! -e "$tmp/vdb.new" ] || fail "the other disk's file is left"
same "files that are left" "$(ls "$tmp/small")" ""
# What the guest writes now arrives.
disk_write vda 0x33 14M 1M
guest_write /machine/peripheral/vda/virtio-backend "read -P 0x33 14M 1M"
! grep "Pattern verification failed" "$tmp/qemu.log" ||
  fail "a write of the guest's has failed"

# Whatever the size of the file system, what is called completed is whole:
# 1 MiB of data and qcow2's own.
for size in 1088 1152 1216 1280 1344 1408 1472 1536 1600 1664; do
  mount -o remount,size=${size}k "$tmp/small"
  pullback backup-begin web --push --target "vdb=$tmp/small/vdb" >/dev/null 2>"$tmp/err" ||
    { cat "$tmp/err"; continue; }
  wait_for 60 not_running
  if backup_is completed; then
    "$qemu_img" check -q "$tmp/small/vdb"
    compare_raw "$tmp/small/vdb" "$tmp/vdb.truth"
    rm "$tmp/small/vdb"
    completed=$size
  else
    failed=$size
    [ ! -e "$tmp/small/vdb" ] || fail "a file is left"
  fi
done
: "${completed:?was never enough}" "${failed:?was always enough}"
qemu_alive
