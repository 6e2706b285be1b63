# SPDX-License-Identifier: BSD-3-Clause
# For tests of a QEMU whose monitor has a fault.

. "$srcdir/tests/functions.sh"
export tmp

# How long the daemon waits for QEMU: what is not answered is waited for in vain.
limit=30

# faults ACTION: at each command of a begin and of an end.
faults ()
{
  local disk
  for disk in vda vdb; do
    "$qemu_img" create -q -f qcow2 "$tmp/$disk.qcow2" 16M
  done
  start_qemu \
    -blockdev "qcow2,node-name=fmt-a,file.driver=file,file.filename=$tmp/vda.qcow2" \
    -device virtio-blk-pci,drive=fmt-a,id=vda \
    -blockdev "qcow2,node-name=fmt-b,file.driver=file,file.filename=$tmp/vdb.qcow2" \
    -device virtio-blk-pci,drive=fmt-b,id=vdb
  start_proxy
  start_pullbackd --monitor-limit $limit
  pullback domain-add web --qmp "$tmp/proxy.sock" >/dev/null
  timeout 500 /usr/bin/python3 "$srcdir/tests/faults/faults.py" "$@"
}
