# SPDX-License-Identifier: BSD-3-Clause
# Shared by the tests of this folder: a QEMU with two disks, in iothreads unless
# $method is filter, which is not for those.

. "$srcdir/tests/functions.sh"
export tmp

method=auto

# in_iothread ID: the property of a device that puts it there.
in_iothread ()
{
  [ "$method" = filter ] || echo ",iothread=$1"
}

# start_two_disks: vda and vdb, qcow2, 64 MiB, each device in an iothread.
start_two_disks ()
{
  local disk args=()
  for disk in vda vdb; do
    "$qemu_img" create -q -f qcow2 "$tmp/$disk.qcow2" 64M
    args+=(-object "iothread,id=io-$disk"
      -blockdev "qcow2,node-name=$disk-format,file.driver=file,file.filename=$tmp/$disk.qcow2,discard=unmap"
      -device "virtio-blk-pci,drive=$disk-format,id=$disk$(in_iothread "io-$disk")")
  done
  start_qemu -S "${args[@]}" "$@"
}

# The version of QEMU as qmp_version has it.
qemu_version ()
{
  qmp query-version | /usr/bin/python3 -c '
import json, sys
version = json.load(sys.stdin)["qemu"]
print(version["major"] * 1000 + version["minor"])'
}

# The method that this QEMU is for, with disks in iothreads.
expected_method ()
{
  local version
  version=$(qemu_version)
  if [ "$version" -ge 10001 ]; then
    echo transaction
  else
    echo overlay
  fi
}

run_python ()
{
  local script=$1
  shift
  timeout 300 /usr/bin/python3 "$srcdir/tests/capture/$script" "$@"
}

# All methods that this QEMU can do, on disks that suit them.
methods_here ()
{
  local version
  version=$(qemu_version)
  [ "$version" -lt 10001 ] || echo transaction
  [ "$version" -lt 8000 ] || echo filter
  echo overlay
}
