#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A begin that fails leaves QEMU as it was, with each method that it can.

. "$srcdir/tests/capture/functions.sh"

try_method ()
{
  "$qemu_img" create -q -f qcow2 "$tmp/sda.qcow2" 64M
  start_two_disks -object iothread,id=io-sda \
    -device "virtio-scsi-pci,id=scsi0$(in_iothread io-sda)" \
    -blockdev "qcow2,node-name=sda-format,file.driver=file,file.filename=$tmp/sda.qcow2" \
    -device scsi-hd,drive=sda-format,bus=scsi0.0,id=sda
  run_python rollback.py "$1" "$qemu_pid"
  rm -f "$tmp"/*.sock
}

start_two_disks
methods=$(methods_here)
qmp quit >/dev/null
wait "$qemu_pid"
rm -f "$tmp"/*.sock
for method in $methods; do
  echo "method: $method"
  try_method "$method"
done
