#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The guest that other tests stand on: boots with a disk in an iothread, says how
# its commands ended, and what it wrote is what the host then finds.

. "$srcdir/tests/functions.sh"
. "$srcdir/tests/guest/guest.sh"

truncate -s 64M "$tmp/disk.raw"
mke2fs -q -t ext4 "$tmp/disk.raw"
"$qemu_img" convert -O qcow2 "$tmp/disk.raw" "$tmp/disk.qcow2"
guest_start -object iothread,id=io \
  -blockdev "qcow2,node-name=disk,file.driver=file,file.filename=$tmp/disk.qcow2" \
  -device virtio-blk-pci,drive=disk,id=vda,iothread=io

same "output" "$(guest_run 'echo one; echo two >&2')" "$(printf 'one\ntwo')"
same "output without a line's end" "$(guest_run 'printf end')" end
status=0
guest_run 'exit 7' || status=$?
same "status" "$status" 7
guest_run 'sleep 1000 &'
# What goes on in the background may end while the next line is read.
guest_run 'for i in $(seq 0 99); do usleep ${i}0000 & done'
for i in {1..9}; do
  same "output" "$(guest_run 'echo read')" read
done

guest_run 'mount /dev/vda /mnt'
guest_run 'dd if=/dev/urandom of=/mnt/file bs=64k count=50 2>/dev/null'
sum=$(guest_run 'sha256sum </mnt/file')
guest_run 'umount /mnt'

qmp quit >/dev/null
wait_for 20 test ! -e "/proc/$qemu_pid/exe"
"$qemu_img" convert -O raw "$tmp/disk.qcow2" "$tmp/after.raw"
e2fsck -fn "$tmp/after.raw" >"$tmp/e2fsck.log" 2>&1
same "the file's checksum" \
  "$(debugfs -R 'cat file' "$tmp/after.raw" 2>/dev/null | sha256sum)" "$sum"
