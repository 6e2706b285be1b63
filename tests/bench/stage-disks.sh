# SPDX-License-Identifier: BSD-3-Clause
# For the rows about begin and end, after functions.sh: domains with many disks.

# As installed, without the script around the command that libtool makes, which
# takes 15 ms.
PATH=$builddir/controller/.libs:$PATH

# start_disks COUNT: a QEMU with so many of 256 MiB, and a daemon that knows it as web.
start_disks ()
{
  local i args=()
  for ((i = 0; i < $1; i++)); do
    "$qemu_img" create -q -f qcow2 "$tmp/disk$i.qcow2" 256M
    # Of 32 on a bus, each can have eight functions.
    args+=(-blockdev "qcow2,node-name=disk$i,file.driver=file,file.filename=$tmp/disk$i.qcow2"
      -device "virtio-blk-pci,drive=disk$i,id=disk$i,addr=$((4 + i / 8)).$((i % 8)),multifunction=on")
  done
  rm -f "$tmp/monitor.sock" "$tmp/qmp.sock"
  start_qemu "${args[@]}"
  start_pullbackd
  pullback domain-add web --qmp "$tmp/qmp.sock" >/dev/null
}

stop_disks ()
{
  pullback domain-remove web >/dev/null
  end_now "$pullbackd_pid"
  end_now "$qemu_pid"
  rm -rf "$tmp/home" "$tmp"/disk*.qcow2
}

# start_domains COUNT: as many QEMUs with a disk each, d1, d2 and so on.
start_domains ()
{
  local i
  start_pullbackd
  for ((i = 1; i <= $1; i++)); do
    rm -f "$tmp"/{monitor,qmp}.sock
    "$qemu_img" create -q -f qcow2 "$tmp/disk$i.qcow2" 256M
    start_qemu -S -qmp "unix:$tmp/d$i.sock,server=on,wait=off" -m 16 \
      -blockdev "qcow2,node-name=disk,file.driver=file,file.filename=$tmp/disk$i.qcow2" \
      -device virtio-blk-pci,drive=disk,id=disk
    pullback domain-add "d$i" --qmp "$tmp/d$i.sock" >/dev/null
  done
}

# for_domains COUNT VERB ARGS...: of the first so many at once.
for_domains ()
{
  local i count=$1 verb=$2 children=()
  shift 2
  for ((i = 1; i <= count; i++)); do
    pullback "$verb" "d$i" "$@" &
    children+=($!)
  done
  for i in "${children[@]}"; do
    wait "$i"
  done
}
