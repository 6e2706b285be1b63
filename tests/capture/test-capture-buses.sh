#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every method on disks of every bus.

. "$srcdir/tests/capture/functions.sh"

start_all_buses ()
{
  local image
  for image in virtio anonymous scsi sata filtered; do
    "$qemu_img" create -q -f qcow2 "$tmp/$image.qcow2" 1M
  done
  "$qemu_img" create -q -f raw "$tmp/nvme.raw" 1000k
  rm -f "$tmp"/*.sock
  start_qemu "$@" -object iothread,id=io0 \
    -blockdev "qcow2,node-name=virtio,file.driver=file,file.filename=$tmp/virtio.qcow2" \
    -device "virtio-blk-pci,drive=virtio,id=virtio$(in_iothread io0)" \
    -drive "if=virtio,format=qcow2,file=$tmp/anonymous.qcow2" \
    -device "virtio-scsi-pci,id=scsi0$(in_iothread io0)" \
    -blockdev "qcow2,node-name=scsi,file.driver=file,file.filename=$tmp/scsi.qcow2" \
    -device scsi-hd,drive=scsi,bus=scsi0.0 \
    -blockdev "qcow2,node-name=sata,file.driver=file,file.filename=$tmp/sata.qcow2" \
    -device ide-hd,drive=sata,bus=ide.0,id=sata \
    -blockdev "raw,node-name=nvme,file.driver=file,file.filename=$tmp/nvme.raw" \
    -device nvme,serial=1,drive=nvme \
    -object throttle-group,id=limits,x-iops-total=100000 \
    -blockdev "qcow2,node-name=filtered,file.driver=file,file.filename=$tmp/filtered.qcow2" \
    -blockdev throttle,node-name=throttled,throttle-group=limits,file=filtered \
    -device virtio-blk-pci,drive=throttled,id=filtered
}

start_all_buses -S
methods=$(methods_here)
qmp quit >/dev/null
wait "$qemu_pid"
stopped=-S
for method in $methods; do
  start_all_buses $stopped
  run_python buses.py "$method"
  qmp quit >/dev/null
  wait "$qemu_pid" || fail "QEMU ended badly with the method $method"
  stopped='' # and after the first not stopped
done
