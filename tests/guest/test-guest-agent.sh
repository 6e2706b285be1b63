#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A real Linux guest with its real agent: a quiesced point in time has all that was
# written and a file system that needs no recovery, and the guest goes on, also
# where the daemon, or the agent, dies while all is frozen.

. "$srcdir/tests/functions.sh"
. "$srcdir/tests/guest/guest.sh"
cd "$tmp"

truncate -s 64M disk.raw
mke2fs -q -t ext4 disk.raw
"$qemu_img" convert -O qcow2 disk.raw disk.qcow2
guest_start --agent -object iothread,id=io -blockdev \
  "qcow2,node-name=disk,discard=unmap,file.driver=file,file.filename=$tmp/disk.qcow2" \
  -device virtio-blk-pci,drive=disk,id=vda,iothread=io
guest_run 'mount -t ext4 -o commit=600 /dev/vda /mnt'

# All under way at once: a guest that stays frozen ends here.
guest_writes ()
{
  guest_run "echo $1 >/mnt/$1; sync; cat /mnt/$1" 60 | grep -q "^$1$"
}

# pulled: the export as it is.
pulled ()
{
  rm -f pulled.raw
  nbdcopy "nbd+unix:///vda?socket=$tmp/home/run/$1/nbd.sock" pulled.raw
}

needs_recovery ()
{
  dumpe2fs -h pulled.raw 2>/dev/null | grep -q needs_recovery
}

start_pullbackd
pullback domain-add demo --qmp "$tmp/qmp.sock" --agent "$tmp/agent.sock" >/dev/null

# Without freezing it is as after a power cut.
guest_run 'echo unwritten >/mnt/first'
pullback backup-begin demo >/dev/null
pulled demo
pullback backup-end demo >/dev/null
needs_recovery || fail "a mounted file system that was not frozen looks clean"

# With it, what no sync has written is there.
guest_run 'echo unwritten >/mnt/second'
pullback backup-begin demo --quiesce --checkpoint monday >begun
grep -q "^Quiesced: *1 file systems, for .* ms$" begun || fail "$(cat begun)"
guest_writes third
pulled demo
! needs_recovery || fail "the file system needs recovery"
e2fsck -fn pulled.raw >e2fsck.log 2>&1 || fail "$(cat e2fsck.log)"
same "the file" "$(debugfs -R 'cat second' pulled.raw 2>/dev/null)" unwritten
same "a later file" "$(debugfs -R 'cat third' pulled.raw 2>/dev/null)" ""
pullback backup-end demo >/dev/null
pullback checkpoint-create-as demo tuesday --quiesce | grep -q "^Quiesced: *1 file systems"
guest_writes fourth

# held: a backup that waits for its cut while the guest is frozen.  Sets client.
start_proxy
pullback domain-add held --qmp "$tmp/proxy.sock" --agent "$tmp/agent.sock" >/dev/null
frozen ()
{
  grep -q transaction proxy.commands 2>/dev/null
}
held ()
{
  proxy hold transaction
  PULLBACK_URI=unix://$PULLBACK_HOME/run/pullbackd.sock \
    pullback backup-begin held --quiesce --checkpoint c >begun 2>&1 &
  client=$!
  wait_for 60 frozen
}

# It is frozen indeed: a write waits, until the daemon dies.
held
guest_run 'echo waiting >/mnt/fifth & echo $! >/run/writer'
guest_run 'sleep 1; kill -0 $(cat /run/writer)' || fail "the guest is not frozen"
kill -9 "$pullbackd_pid"
guest_writes sixth
guest_run 'cat /mnt/fifth' | grep -q "^waiting$"
proxy pass
wait "$client" || true
start_pullbackd
pullback domain-info held >/dev/null
same "exports" "$(qmp query-block-exports)" "[]"

# The agent dies in the guest, and the one that comes after it thaws: it was frozen
# all the while.
held
guest_run 'kill -9 $(cat /run/qemu-ga.pid)'
proxy pass
guest_agent
wait "$client" || fail "$(cat begun)"
grep -q "^Quiesced: *1 file systems" begun || fail "$(cat begun)"
guest_writes seventh
pulled held
! needs_recovery || fail "the file system needs recovery"
pullback backup-end held >/dev/null
