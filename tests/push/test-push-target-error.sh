#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The target refuses one write, that of old data before the guest's, and is well
# again: what is called completed is the point in time all the same.

. "$srcdir/tests/push/functions.sh"

start_domain
disk_write vda 0x11 0 48M
# Requests of the job wait behind the check for errors, so that only the guest's
# meets one.
nbdkit -f -U "$tmp/error.sock" --filter=error --filter=rate memory $disk_size \
  error-pwrite=ENOSPC error-pwrite-rate=100% error-file="$tmp/error" \
  rate=$((4000000 * 8)) >"$tmp/error.log" 2>&1 &
ends_with_test $!
wait_for 10 test -S "$tmp/error.sock"
pullback backup-begin web --push --checkpoint monday --disk vda \
  --target "vda=nbd+unix:///?socket=$tmp/error.sock" >/dev/null
backup_is running || fail "it is over already"
touch "$tmp/error"
guest_write /machine/peripheral/vda/virtio-backend "write -P 0x22 47M 64k"
rm "$tmp/error"
wait_for 120 not_running
nothing_left
grep -q injecting "$tmp/error.log" || fail "the target refused nothing"
if backup_is completed; then
  nbdcopy "nbd+unix:///?socket=$tmp/error.sock" "$tmp/vda.pushed"
  cmp "$tmp/vda.pushed" "$tmp/vda.truth"
else
  backup_is failed || fail "neither completed nor failed"
  same "bitmaps" "$(bitmaps fmt-a)" ""
  same "checkpoints" "$(pullback checkpoint-list web --name)" ""
fi

# The guest goes on.
disk_write vda 0x33 47M 64k
guest_write /machine/peripheral/vda/virtio-backend "read -P 0x33 47M 64k"
! grep "Pattern verification failed" "$tmp/qemu.log" ||
  fail "a write of the guest's is lost"
qemu_alive
