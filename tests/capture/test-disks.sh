#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The disk inventory of a QEMU with a disk of each kind.

. "$srcdir/tests/capture/functions.sh"

for image in first anonymous scsi sata filtered libvirt shared; do
  "$qemu_img" create -q -f qcow2 "$tmp/$image.qcow2" 64M
done
"$qemu_img" create -q -f qcow2 -o compat=0.10 "$tmp/old.qcow2" 64M
"$qemu_img" create -q -f raw "$tmp/nvme.raw" 1M
"$qemu_img" create -q -f raw "$tmp/locked.raw" 1M
"$qemu_img" create -q -f raw "$tmp/cd.iso" 1M

node ()
{
  echo "$2,node-name=$1-format,file.driver=file,file.filename=$tmp/$1.$2"
}

# A QEMU that is killed leaves the bitmaps of its images inconsistent.
"$qemu_img" bitmap --add "$tmp/filtered.qcow2" left
start_qemu -S -blockdev "$(node filtered qcow2)" \
  -device virtio-blk-pci,drive=filtered-format
qmp query-status >/dev/null # so that the image has been opened
kill -9 "$qemu_pid"
wait "$qemu_pid" || true
rm -f "$tmp"/*.sock

start_qemu -S -object iothread,id=io0 \
  -blockdev "$(node first qcow2)" \
  -device virtio-blk-pci,drive=first-format,id=first,iothread=io0 \
  -drive "if=none,id=anonymous,format=qcow2,file=$tmp/anonymous.qcow2" \
  -device virtio-blk-pci,drive=anonymous \
  -device virtio-scsi-pci,id=scsi0,iothread=io0 \
  -blockdev "$(node scsi qcow2)" \
  -device scsi-hd,drive=scsi-format,bus=scsi0.0 \
  -blockdev "$(node shared qcow2)" \
  -device scsi-hd,drive=shared-format,bus=scsi0.0,id=shared,share-rw=on \
  -device scsi-hd,drive=shared-format,bus=scsi0.0,id=again,share-rw=on \
  -blockdev "$(node sata qcow2)" \
  -device ide-hd,drive=sata-format,bus=ide.0 \
  -blockdev "$(node nvme raw)" -device nvme,serial=1,drive=nvme-format \
  -blockdev "$(node old qcow2)" -device virtio-blk-pci,drive=old-format,id=old \
  -blockdev "$(node libvirt qcow2)" \
  -device virtio-blk-pci,drive=libvirt-format,id=virtio-disk27 \
  -object throttle-group,id=limits,x-iops-total=10000 \
  -blockdev "$(node filtered qcow2)" \
  -blockdev throttle,node-name=throttled,throttle-group=limits,file=filtered-format \
  -device virtio-blk-pci,drive=throttled,id=filtered \
  -drive "if=none,id=medium,format=raw,media=cdrom,file=$tmp/cd.iso" \
  -device ide-cd,drive=medium,bus=ide.1,id=cd \
  -device ide-cd,bus=ide.2,id=empty \
  -drive "if=none,id=locked-drive,format=raw,readonly=on,file=$tmp/locked.raw" \
  -device virtio-blk-pci,drive=locked-drive,id=locked
run_python inventory.py
qemu_alive
