#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Instant restore: an overlay whose backing file is an export of the relay, in a
# QEMU and in a qemu-storage-daemon, in the clear, with certificates and with
# keys.  What is written goes to the overlay, what is read comes from the export.

. "$srcdir/tests/functions.sh"
. "$srcdir/tests/relay/certificates.sh"

for tool in certtool psktool qemu-storage-daemon; do
  command -v $tool >/dev/null || skip "$tool is not here"
done

cd "$tmp"
make_certificates "$tmp"
mkdir keys
psktool -u friend -p keys/keys.psk >/dev/null 2>&1

truncate -s 16M disk
dd if=/dev/urandom of=disk bs=1M count=5 seek=2 conv=notrunc status=none
cp disk original
# What the guest makes of it: a MiB half over the data, and one cluster of holes.
cp disk restored
writes=("write -P 0x11 6656k 1M" "write -P 0x22 12M 64k")
for write in "${writes[@]}"; do
  qemu-io -f raw -c "$write" restored >/dev/null
done

nbdkit -f -r -U "$tmp/origin.sock" file disk >origin.log 2>&1 &
ends_with_test $!
wait_for 10 test -S origin.sock
port=$(/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
pullback-relay --upstream "unix:$tmp/origin.sock" --tls allow \
  --listen "unix:$tmp/relay.sock" --listen "tcp:localhost:$port" \
  --tls-certificates "$tmp/server" --tls-psk keys/keys.psk >relay.log 2>&1 &
relay_pid=$!
ends_with_test "$relay_pid"
wait_for 10 test -S relay.sock

# The ways to the export: options of QEMU, then what makes the block device.
tcp="driver=nbd,node-name=export,read-only=on,server.type=inet,$(
  )server.host=localhost,server.port=$port,tls-creds=tls0"
ways=(plain certificates keys)
objects_plain=()
device_plain="driver=nbd,node-name=export,read-only=on,server.type=unix,$(
  )server.path=$tmp/relay.sock"
objects_certificates=(--object
  "tls-creds-x509,id=tls0,endpoint=client,dir=$tmp/friend")
device_certificates=$tcp
objects_keys=(--object
  "tls-creds-psk,id=tls0,endpoint=client,dir=$tmp/keys,username=friend")
device_keys=$tcp

# make_overlay WAY: overlay.qcow2, and in 'objects' and 'devices' what opens it.
make_overlay ()
{
  local -n way_objects=objects_$1 way_device=device_$1
  "$qemu_img" create -q -f qcow2 overlay.qcow2 16M
  objects=("${way_objects[@]}")
  devices=(--blockdev "$way_device"
    --blockdev "driver=file,node-name=file,filename=$tmp/overlay.qcow2"
    --blockdev "driver=qcow2,node-name=disk,file=file,backing=export")
}

# is_restored WAY: the overlay on the export is the restored disk, and the
# export is what it was.
is_restored ()
{
  local file="file.driver=file,file.filename=$tmp/overlay.qcow2" used
  "$qemu_img" convert -U "${objects[@]}" --image-opts \
    "driver=qcow2,$file,backing.${device_backing//,/,backing.}" -O raw copy
  cmp copy restored || fail "$1: the restored disk is another"
  cmp disk original || fail "$1: the backup has changed"
  # It holds what was written, and no copy of what was only read.
  used=$("$qemu_img" map --output=json -f qcow2 overlay.qcow2 |
    /usr/bin/python3 -c 'import json, sys
print(sum(e["length"] for e in json.load(sys.stdin)
          if e["depth"] == 0 and e["data"]))')
  [ "$used" -le 1245184 ] || fail "$1: the overlay holds $used bytes"
}

for way in "${ways[@]}"; do
  make_overlay "$way"
  device_backing=$(eval echo "\$device_$way" | sed 's/,node-name=export//')

  # A storage daemon, whose client is the guest.
  rm -f daemon.pid guest.sock
  qemu-storage-daemon "${objects[@]}" "${devices[@]}" \
    --nbd-server "addr.type=unix,addr.path=$tmp/guest.sock" \
    --export nbd,id=disk,node-name=disk,name=disk,writable=on \
    --pidfile "$tmp/daemon.pid" >daemon.log 2>&1 &
  daemon=$!
  ends_with_test "$daemon"
  wait_for 20 test -s daemon.pid
  guest="nbd+unix:///disk?socket=$tmp/guest.sock"
  "$qemu_img" compare -f raw -F raw "$guest" original >/dev/null
  for write in "${writes[@]}"; do
    qemu-io -f raw -c "$write" "$guest" >/dev/null
  done
  "$qemu_img" compare -f raw -F raw "$guest" restored >/dev/null ||
    fail "$way: qemu-storage-daemon's disk is not the restored one"
  kill "$daemon"
  wait "$daemon" || true
  is_restored "$way"

  # A QEMU.
  make_overlay "$way"
  rm -f monitor.sock
  start_qemu -S "${objects[@]}" "${devices[@]}" \
    -device virtio-blk-pci,id=vda,drive=disk
  for write in "${writes[@]}"; do
    guest_write vda/virtio-backend "$write"
  done
  qmp quit >/dev/null
  wait "$qemu_pid" || true
  is_restored "$way"
done

kill "$relay_pid"
wait "$relay_pid" || fail "the relay ended with $?"
