#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Beside a real libvirt: its checkpoints become ours, ours become its, each reads
# the other's documents, both cannot have QEMU's NBD server at once, and the
# images that it leaves can be imported.

. "$srcdir/tests/libvirt/functions.sh"

start_libvirtd
start_libvirt_domain
start_pullbackd
pullback domain-add web --qmp "$tmp/qmp.sock" >"$tmp/add.out"

# names [OPTIONS...]: of checkpoint-list, on one line.
names ()
{
  pullback checkpoint-list web --name "$@" | xargs
}

# write_both PATTERN OFFSET LENGTH
write_both ()
{
  libvirt_write vda "$@"
  libvirt_write vdb "$@"
}

# changed_are RANGES SOCKET: those of both exports.
changed_are ()
{
  local disk

  for disk in vda vdb; do
    same "changes of $disk" \
      "$(changed_map qemu:dirty-bitmap:backup-$disk $disk "$2" |
        sed 's/ /+/' | xargs)" "$1"
  done
}

# contents_are NAME SOCKET: those of both exports, as truth_at kept them.
contents_are ()
{
  local disk

  for disk in vda vdb; do
    read_from $disk "$tmp/copy" "$2"
    cmp "$tmp/copy" "$tmp/$disk.$1"
  done
}

# increment_is RANGES: of one since checkpoint second that ends with the truth.
increment_is ()
{
  pullback backup-begin web --incremental second >"$tmp/begin.out"
  changed_are "$1" "$our_socket"
  contents_are truth "$our_socket"
  pullback backup-end web >/dev/null
}

qemu_is_gone ()
{
  ! beginning_of "$qemu_pid" >/dev/null
}

no_libvirt_job ()
{
  virsh domjobinfo web | grep -q "None"
}

our_socket=$tmp/home/run/web/nbd.sock
libvirt_socket=$tmp/libvirt.sock
libvirt_server="<server transport='unix' socket='$libvirt_socket'/>"
pull=$tmp/pull.xml
echo "<domainbackup mode='pull'>$libvirt_server</domainbackup>" >"$pull"

# Two checkpoints by libvirt, and a third with a backup.
write_both 0x11 1M 1M
write_both 0x10 40M 16M
virsh checkpoint-create-as web first 'the first'
write_both 0x12 8M 64k
virsh checkpoint-create-as web second
write_both 0x13 16M 128k
write_both 0x14 64M 512
echo "<domaincheckpoint><name>third</name></domaincheckpoint>" >"$tmp/third.xml"
virsh backup-begin web "$pull" "$tmp/third.xml"
truth_at third
virsh backup-dumpxml web >"$tmp/backup.xml"
we_accept backup "$tmp/backup.xml"

# QEMU's NBD server is libvirt's.
expect_failure "NBD server is in use by somebody else" pullback backup-begin web
same "backup" "$(virsh backup-dumpxml web)" "$(cat "$tmp/backup.xml")"
# A push needs no server, and goes on when the other backup ends.
slow_server slow 4000000
write_both 0x15 1M 64k
pullback backup-begin web --push \
  --target "vda=nbd+unix:///?socket=$tmp/slow.sock" \
  --target "vdb=$tmp/vdb.image" >/dev/null
truth_at pushed
write_both 0x16 1M 64k
contents_are third "$libvirt_socket"
virsh domjobabort web
backup_is running || fail "the push was over before libvirt's backup"
write_both 0x17 55M 64k
wait_state completed
pullback backup-end web >/dev/null
compare_raw "$tmp/vdb.image" "$tmp/vdb.pushed"
nbdcopy "nbd+unix:///?socket=$tmp/slow.sock" "$tmp/copy"
cmp "$tmp/copy" "$tmp/vda.pushed"

# What libvirt prints of the chain comes in, while the domain lives.
for name in $(virsh checkpoint-list web --topological --name); do
  virsh checkpoint-dumpxml web "$name" >"$tmp/$name.xml"
  we_accept checkpoint "$tmp/$name.xml"
  pullback checkpoint-create web "$tmp/$name.xml" --redefine \
    --redefine-validate >/dev/null
  virsh checkpoint-dumpxml web "$name" --size >"$tmp/$name.size.xml"
  we_accept checkpoint "$tmp/$name.size.xml"
done
same "chain" "$(names --topological)" "first second third"
same "chain" "$(names --from first --descendants)" "second third"
same "current" "$(pullback checkpoint-current web --name)" third
same "parent" "$(pullback checkpoint-parent web third)" second

# An increment since one of libvirt's; more was written after the third.
since_second="1048576+65536 16777216+131072 57671680+65536 67108864+512"
pullback backup-begin web --incremental second --checkpoint fourth >/dev/null
truth_at fourth
pullback backup-dumpxml web >"$tmp/ours.xml"
libvirt_accepts backup "$tmp/ours.xml"
changed_are "$since_second" "$our_socket"
# Now the server is ours.
expect_failure "NBD server already running" virsh backup-begin web "$pull"
# Its push is of its own point in time.
write_both 0x18 1M 64k
cat >"$tmp/push.xml" <<END
<domainbackup mode='push'><disks>
  <disk name='vda' type='file'><target file='$tmp/vda.theirs'/></disk>
  <disk name='vdb' type='file'><target file='$tmp/vdb.theirs'/></disk>
</disks></domainbackup>
END
we_accept backup "$tmp/push.xml"
virsh backup-begin web "$tmp/push.xml"
truth_at pushed
write_both 0x19 1M 64k
wait_for 30 no_libvirt_job
for disk in vda vdb; do
  compare_raw "$tmp/$disk.theirs" "$tmp/$disk.pushed"
done
contents_are fourth "$our_socket"
pullback backup-end web >/dev/null

# Our checkpoint goes to libvirt without a domain, or with libvirt's own.
pullback checkpoint-dumpxml web fourth >"$tmp/fourth.xml"
libvirt_accepts checkpoint "$tmp/fourth.xml"
pullback checkpoint-dumpxml web fourth --no-domain >"$tmp/fourth.xml"
libvirt_accepts checkpoint "$tmp/fourth.xml"
virsh checkpoint-create web "$tmp/fourth.xml" --redefine --redefine-validate
virsh checkpoint-delete web fourth --metadata
virsh dumpxml web | sed -i '/<disks>/,/<\/disks>/!b; /<\/disks>/r /dev/stdin' \
  "$tmp/fourth.xml"
virsh checkpoint-create web "$tmp/fourth.xml" --redefine --redefine-validate
same "chain" "$(virsh checkpoint-list web --topological --name | xargs)" \
  "first second third fourth"
virsh checkpoint-dumpxml web fourth --no-domain >"$tmp/theirs.xml"
pullback checkpoint-dumpxml web fourth --no-domain | diff -B - "$tmp/theirs.xml"

# Our document of a backup goes to libvirt as it is, and is the same backup.
virsh backup-begin web "$tmp/ours.xml"
virsh backup-dumpxml web >"$tmp/backup.xml"
we_accept backup "$tmp/backup.xml"
changed_are "$since_second" "$our_socket"
virsh domjobabort web

# What one of them deletes is broken for the other.
virsh checkpoint-delete web third
pullback checkpoint-list web >"$tmp/list"
grep -q "third .*broken: .*missing" "$tmp/list" || fail "$(cat "$tmp/list")"
pullback checkpoint-delete web third >/dev/null
pullback checkpoint-delete web fourth >/dev/null
echo "<domainbackup mode='pull'><incremental>fourth</incremental>$libvirt_server</domainbackup>" \
  >"$tmp/incremental.xml"
expect_failure "missing or broken bitmap 'fourth'" \
  virsh backup-begin web "$tmp/incremental.xml"
qemu_alive

# libvirt makes the bitmaps in new images, and merges them when it commits those.
virsh snapshot-create-as web above --disk-only --no-metadata >/dev/null
write_both 0x20 24M 64k
since_second="1048576+65536 16777216+131072 25165824+65536 57671680+65536 67108864+512"
increment_is "$since_second"
for disk in vda vdb; do
  virsh blockcommit web $disk --active --pivot --wait >/dev/null
done
increment_is "$since_second"

# After libvirt, in a plain QEMU, by somebody who knows only the images.
virsh destroy web --graceful
wait_for 20 qemu_is_gone
rm -f "$tmp"/{qmp,monitor}.sock
start_qemu -S \
  -blockdev "qcow2,node-name=fmt-a,file.driver=file,file.filename=$tmp/vda.qcow2" \
  -device virtio-blk-pci,drive=fmt-a,id=vda \
  -blockdev "qcow2,node-name=fmt-b,file.driver=file,file.filename=$tmp/vdb.qcow2" \
  -device virtio-blk-pci,drive=fmt-b,id=vdb
pullback domain-remove web >/dev/null
pullback domain-add web --qmp "$tmp/qmp.sock" >/dev/null
pullback checkpoint-import web >"$tmp/import"
same "imported" "$(names --topological)" "first second"
disk_write vda 0x21 32M 64k
disk_write vdb 0x21 32M 64k
increment_is "${since_second/25165824+65536/& 33554432+65536}"

# And by libvirt's documents.
for name in first second; do
  pullback checkpoint-delete web $name --metadata >/dev/null
done
for name in first second; do
  pullback checkpoint-create web "$tmp/$name.xml" --redefine \
    --redefine-validate >/dev/null
done
expect_failure "its bitmap is missing" \
  pullback checkpoint-create web "$tmp/third.xml" --redefine --redefine-validate
same "chain" "$(names --topological)" "first second"
pullback checkpoint-info web first | grep -q "the first" || fail "no description"
qemu_alive
