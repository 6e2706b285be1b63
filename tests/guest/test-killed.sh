#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The processes of a backup killed with -9 in full traffic, with a real guest whose
# disk is in an iothread: there QEMU 7.2 aborts where an NBD client closes first.
# (Without a guest's driver a disk is not in its iothread.)  The guest goes on, and
# so does the backup, also where the daemon and nbdkit are killed together.

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

# The process of the backup whose command line has $1.
process_of () { process_like "$1.*$tmp/home/run/demo/"; }
is_another () { [ -n "$(process_of "$1")" ] && [ "$(process_of "$1")" != "$2" ]; }

# read_on: reads the disk again and again, until the file 'stop' is there.
read_on ()
{
  until [ -e stop ]; do nbdcopy "$uri" null: 2>/dev/null || true; done
}
uri="nbd+unix:///vda?socket=$tmp/home/run/demo/nbd.sock"

# Kills in full traffic; the daemon, if it is among them, is started again.
kill_and_go_on ()
{
  local name pid=() i=0
  nbdcopy "$uri" now && cmp now cut
  for name; do pid+=("$(process_of "$name")"); done
  kill -9 "${pid[@]}" ${with_daemon:+"$pullbackd_pid"}
  guest_goes_on
  [ -z "$with_daemon" ] || start_pullbackd
  for name; do wait_for 10 is_another "$name" "${pid[i++]}"; done
  nbdcopy "$uri" now && cmp now cut
  guest_goes_on
}

start_pullbackd
pullback domain-add demo --qmp "$tmp/qmp.sock" >/dev/null
guest_goes_on

pullback backup-begin demo --checkpoint monday >/dev/null
nbdcopy "$uri" cut
read_on &
client=$!
ends_with_test "$client"
with_daemon=
kill_and_go_on nbdkit.*--foreground
kill_and_go_on pullback-relay
with_daemon=yes
kill_and_go_on
kill_and_go_on nbdkit.*--foreground
kill_and_go_on nbdkit.*--foreground pullback-relay
touch stop
wait "$client"
pullback backup-end demo >/dev/null
guest_goes_on
same "checkpoints" "$(pullback checkpoint-list demo --name)" monday
same "exports" "$(qmp query-block-exports)" "[]"

# The broker alone: QEMU is made to close first, and the backup is void.
pullback backup-begin demo --checkpoint tuesday >/dev/null
nbdcopy "$uri" null:
kill -9 "$(process_of pullback-broker)"
guest_goes_on
expect_failure "checkpoint 'tuesday' was removed" pullback backup-end demo

# And as if nothing had been.
pullback backup-begin demo --incremental monday --checkpoint tuesday >/dev/null
nbdcopy "$uri" null:
pullback backup-end demo >/dev/null
same "checkpoints" "$(pullback checkpoint-list demo --name | xargs)" "monday tuesday"
same "exports" "$(qmp query-block-exports)" "[]"
guest_goes_on
