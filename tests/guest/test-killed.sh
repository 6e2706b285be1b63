#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The processes of a backup killed with -9 in full traffic, with a real guest whose
# disk is in an iothread: there QEMU 7.2 aborts where an NBD client closes first.
# (Without a guest's driver a disk is not in its iothread.)

. "$srcdir/tests/functions.sh"
. "$srcdir/tests/guest/guest.sh"
cd "$tmp"

"$qemu_img" create -q -f qcow2 disk.qcow2 256M
guest_start -object iothread,id=io -blockdev \
  "qcow2,node-name=disk,discard=unmap,file.driver=file,file.filename=$tmp/disk.qcow2" \
  -device virtio-blk-pci,drive=disk,id=vda,iothread=io
guest_run 'dd if=/dev/urandom of=/dev/vda bs=1M count=96 2>/dev/null; sync'
guest_run 'n=0; while :; do
  dd if=/dev/urandom of=/dev/vda bs=64k seek=$((n * 7919 % 1500)) count=1 \
    conv=notrunc,fsync 2>/dev/null
  n=$((n + 1)); echo $n >/run/written
done &'

written () { guest_run 'cat /run/written 2>/dev/null || echo 0'; }
written_more_than () { [ "$(written)" -gt "$1" ]; }

# The guest's writes still come to an end.
guest_goes_on ()
{
  wait_for 30 written_more_than "$(written)"
}

# begin_with_traffic: a backup, and a client that reads it again and again until
# it is gone.  Sets client.
begin_with_traffic ()
{
  pullback backup-begin demo --checkpoint monday >/dev/null
  while nbdcopy "nbd+unix:///vda?socket=$tmp/home/run/demo/nbd.sock" null: \
    2>/dev/null; do :; done &
  client=$!
  ends_with_test "$client"
  guest_goes_on
}

# The process of the backup whose command line has $1.
process_of () { pgrep -f "$1.*$tmp/home/run/demo/" | head -n 1; }

start_pullbackd
pullback domain-add demo --qmp "$tmp/qmp.sock" >/dev/null
guest_goes_on

for victim in nbdkit.*--foreground pullback-relay; do
  begin_with_traffic
  kill -9 "$(process_of "$victim")"
  wait "$client" || true
  guest_goes_on
  expect_failure "checkpoint 'monday' was removed" pullback backup-end demo
  guest_goes_on
done

begin_with_traffic
kill -9 "$pullbackd_pid"
guest_goes_on
start_pullbackd
wait "$client" || true
guest_goes_on
same "checkpoints" "$(pullback checkpoint-list demo --name)" ""
same "exports" "$(qmp query-block-exports)" "[]"

# And as if nothing had been.
pullback backup-begin demo --checkpoint monday >/dev/null
nbdcopy "nbd+unix:///vda?socket=$tmp/home/run/demo/nbd.sock" null:
pullback backup-end demo >/dev/null
same "checkpoints" "$(pullback checkpoint-list demo --name)" monday
guest_goes_on
