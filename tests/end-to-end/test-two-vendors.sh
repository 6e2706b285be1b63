#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two vendors, each with a base of its own, pull different deltas of one cut at
# the same time, while the guest goes on: both images are the point in time.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain

# vendor one comes every day, vendor two came on monday only.
disk_write vda 0x11 0 32M
disk_write vdb 0x12 8M 4M
pullback backup-begin web --checkpoint monday >/dev/null
for disk in vda vdb; do
  "$qemu_img" convert -f raw -O qcow2 "$(uri $disk)" "$tmp/$disk.two.qcow2"
  "$qemu_img" convert -f raw -O qcow2 "$(uri $disk)" "$tmp/$disk.one.qcow2"
done
pullback backup-end web --require-complete >/dev/null

disk_write vda 0x21 1M 1M
disk_write vda 0x22 40M 3M
disk_discard vda 6M 1M
disk_write vdb 0x23 8M 64k
pullback backup-begin web --incremental monday --checkpoint tuesday >/dev/null
for disk in vda vdb; do
  nbdcopy -S 0 --destination-is-zero "$(uri $disk@monday/inplace)" -- \
    [ qemu-nbd -f qcow2 "$tmp/$disk.one.qcow2" ]
done
pullback backup-end web --require-complete >/dev/null

disk_write vda 0x31 1536k 1M
disk_write vda 0x32 6M 64k
disk_discard vda 41M 1M
disk_write vda 0x33 $((disk_size - 512)) 512
disk_write vdb 0x34 0 2M

pullback backup-begin web --checkpoint wednesday >/dev/null
cp "$tmp/vda.truth" "$tmp/vda.cut"
cp "$tmp/vdb.truth" "$tmp/vdb.cut"

# pull_by_one|two DISK
pull_by_one ()
{
  nbdcopy -S 0 --destination-is-zero "$(uri "$1@tuesday/inplace")" -- \
    [ qemu-nbd -f qcow2 "$tmp/$1.one.qcow2" ]
}
pull_by_two ()
{
  "$qemu_img" convert -f raw -O qcow2 -B "$tmp/$1.two.qcow2" -F qcow2 \
    "$(uri "$1@monday")" "$tmp/$1.two.wednesday.qcow2"
}

clients=()
for disk in vda vdb; do
  pull_by_one $disk &
  clients+=($!)
  pull_by_two $disk &
  clients+=($!)
done
for offset in 0 1M 6M 30M 40M; do
  disk_write vda 0x44 $offset 512k
  disk_write vdb 0x45 $offset 512k
done
for client in "${clients[@]}"; do
  wait "$client" || fail "a client failed"
done

for disk in vda vdb; do
  for image in $disk.one.qcow2 $disk.two.wednesday.qcow2; do
    "$qemu_img" convert -f qcow2 -O raw "$tmp/$image" "$tmp/$image.raw"
    cmp "$tmp/$disk.cut" "$tmp/$image.raw"
  done
  ! cmp -s "$tmp/$disk.cut" "$tmp/$disk.truth" || fail "the guest wrote nothing"
done

# The two have asked for different things.
changed_map pullback:since:monday vda >"$tmp/monday.map"
changed_map pullback:since:tuesday vda >"$tmp/tuesday.map"
! cmp -s "$tmp/monday.map" "$tmp/tuesday.map" || fail "one map for two bases"

pullback backup-end web --require-complete >/dev/null
nothing_left
qemu_alive
