# SPDX-License-Identifier: BSD-3-Clause
# For tests of what others do to the disks while a backup of them runs, by a
# monitor of their own.  QEMU refuses it, or the backup goes on right: what is read
# is of the point in time, and the next increment lacks nothing.

. "$srcdir/tests/end-to-end/functions.sh"

disk_size=$((16 * 1024 * 1024))

# make_image DISK: empty, and its truth.  A test may make another.
make_image ()
{
  "$qemu_img" create -q -f qcow2 "$tmp/$1.qcow2" $disk_size
  truncate -s $disk_size "$tmp/$1.truth"
}

# Disks that can be unplugged without a guest that agrees; and no iothread.
start_scsi ()
{
  make_image vda
  make_image vdb
  start_qemu -device virtio-scsi-pci,id=scsi \
    -blockdev "qcow2,node-name=fmt-a,file.driver=file,file.filename=$tmp/vda.qcow2,discard=unmap" \
    -device scsi-hd,bus=scsi.0,drive=fmt-a,id=vda \
    -blockdev "qcow2,node-name=fmt-b,file.driver=file,file.filename=$tmp/vdb.qcow2,discard=unmap" \
    -device scsi-hd,bus=scsi.0,drive=fmt-b,id=vdb
  start_pullbackd
  pullback domain-add web --qmp "$tmp/qmp.sock" >/dev/null
}

# write DISK PATTERN OFFSET LENGTH: by the guest, and in the truth.
write ()
{
  guest_write "$1" "write -P $2 $3 $4"
  qemu-io -f raw -c "write -P $2 $3 $4" "$tmp/$1.truth" >/dev/null
}

# reads_right: what the running backup shows is of its point in time.
reads_right ()
{
  local disk

  for disk in vda vdb; do
    read_from "$disk" "$tmp/pulled"
    cmp "$tmp/pulled" "$tmp/$disk.new" || fail "wrong bytes of $disk"
  done
}

# increment_is_whole DISK BASE: where the next backup is an increment since the
# base, all that differs from the base's truth is dirty, and the bytes are right.
increment_is_whole ()
{
  read_from "$1" "$tmp/pulled"
  cmp "$tmp/pulled" "$tmp/$1.truth" || fail "the next backup of $1 is wrong"
  pullback backup-info web | grep -q "^$1 is a full backup" && return
  changed_map "qemu:dirty-bitmap:backup-$1" "$1" >"$tmp/dirty"
  /usr/bin/python3 - "$tmp/pulled" "$tmp/$1.$2" "$tmp/dirty" <<'PYTHON' ||
import sys
new, old = (open(name, "rb").read() for name in sys.argv[1:3])
dirty = [tuple(map(int, line.split())) for line in open(sys.argv[3])]
for at in range(0, len(new), 65536):
    if new[at:at + 65536] != old[at:at + 65536].ljust(65536, b"\0") and not any(
            start <= at < start + length for start, length in dirty):
        sys.exit(f"changed at {at}, and not in the increment")
PYTHON
    fail "the increment of $1 since $2 lacks something"
}

# begin_incremental: a backup since 'base', with a checkpoint, after which the guest
# writes on.
begin_incremental ()
{
  local disk

  start_scsi
  write vda 0x11 0 2M
  write vdb 0x12 0 2M
  pullback checkpoint-create-as web base >/dev/null
  for disk in vda vdb; do cp "$tmp/$disk.truth" "$tmp/$disk.base"; done
  write vda 0x13 1M 64k
  write vdb 0x14 1M 64k
  for disk in vda vdb; do cp "$tmp/$disk.truth" "$tmp/$disk.new"; done
  pullback backup-begin web --incremental base --checkpoint new >/dev/null
  write vda 0x15 0 128k
}

# is_refused COMMAND...: whether QEMU did not do it; what it says is in others.log.
is_refused ()
{
  ! "$@" >"$tmp/others.log" 2>&1
}

# write_on DISK...: by the guest, where the backup has copied and where not.
write_on ()
{
  local disk

  qemu_alive
  for disk; do
    write "$disk" 0x16 512k 64k
    write "$disk" 0x17 4M 64k
  done
}

# nothing_of_ours: of the backup.  What others made is there.
nothing_of_ours ()
{
  qemu_alive
  same "exports" "$(qmp query-block-exports)" "[]"
  same "jobs" "$(qmp query-block-jobs)" "[]"
  ! qmp query-named-block-nodes | grep '"node-name": "pb[0-9a-f]*-' ||
    fail "a node is left"
  ! ls "$tmp/home/run/web/"*.sock 2>/dev/null || fail "a socket is left"
  ! find "$tmp/home" -name '*.scratch' | grep . || fail "a scratch file is left"
  ! pgrep -f "$tmp/home/run/web" || fail "a process is left"
}

end_right ()
{
  pullback backup-end web >/dev/null
  nothing_of_ours
}

# increments_are_whole DISK...: of these, since each of the checkpoints.
increments_are_whole ()
{
  local base disk

  for base in base new; do
    pullback backup-begin web --incremental "$base" >/dev/null
    for disk; do increment_is_whole "$disk" "$base"; done
    end_right
  done
}

# broken TEXT DISK...: both checkpoints say so, and an increment of these disks is
# whole nevertheless, or full.
broken ()
{
  local text=$1 base
  shift

  for base in base new; do
    pullback checkpoint-list web | grep "^ $base .*broken: .*$text" >/dev/null ||
      fail "$base is not broken: $text"
  done
  increments_are_whole "$@"
}

# images_are_sound: once QEMU has closed them; what the guest sees of vda is in the
# image given.
images_are_sound ()
{
  local image

  qmp quit >/dev/null || true
  wait "$qemu_pid" || fail "QEMU did not end well"
  for image in "$tmp"/*.qcow2; do
    "$qemu_img" check -q "$image" || fail "$image is damaged"
  done
  "$qemu_img" compare -q -F raw "$1" "$tmp/vda.truth" || fail "vda's image"
  "$qemu_img" compare -q -F raw "$tmp/vdb.qcow2" "$tmp/vdb.truth" ||
    fail "vdb's image"
}

# used_node: the node that the guest's vda uses, with filters of ours.
used_node ()
{
  qmp query-block | /usr/bin/python3 -c '
import json, sys
for block in json.load(sys.stdin):
    if block.get("qdev", "").endswith("vda"):
        print(block["inserted"]["node-name"])'
}
