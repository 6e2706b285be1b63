#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Zeroes over an overlay: those that are not of the point in time are data, by
# script and on a real copy-before-write; no question goes beyond what changed;
# wrong answers are errors.

. "${srcdir:?}/tests/functions.sh"
. "$srcdir/tests/plugin/plugin.sh"

monday=qemu:dirty-bitmap:monday
server_pid=

# serve_script JSON: without the outer braces; and the plugin on it.
serve_script ()
{
  if [ -n "$server_pid" ]; then
    stop_plugin
    kill "$server_pid"
    wait "$server_pid" || true
  fi
  rm -f "$tmp/server.sock"
  echo "{ $1 }" >"$tmp/script.json"
  timeout 60 /usr/bin/python3 "$srcdir/tests/plugin/scripted-server.py" \
    "$tmp/server.sock" "$tmp/script.json" "$tmp/questions" \
    2>"$tmp/scripted.log" &
  server_pid=$!
  ends_with_test "$server_pid"
  wait_for 20 test -S "$tmp/server.sock"
  start_plugin "socket=$tmp/server.sock"
}

k=1024
allocation="\"base:allocation\": [[$((64 * k)), 3], [$((64 * k)), 0],
  [$((64 * k)), 2], [$((64 * k)), 3], [$((64 * k)), 3], [$((704 * k)), 3]]"
depth="\"qemu:allocation-depth\": [[$((64 * k)), 1], [$((128 * k)), 0],
  [$((64 * k)), 2], [$((32 * k)), 0], [$((736 * k)), 1]]"
dirty="\"$monday\": [[$((320 * k)), 1], [$((640 * k)), 0], [$((64 * k)), 1]]"
size="\"size\": $((1024 * k))"

# The overlay has what is at 0 and from 288 KiB on: zeroes there may be of later.
serve_script "$size, \"contexts\": { $allocation, $depth, $dirty },
  \"only_in\": \"$monday\", \"per_reply\": 1"
same "the view" "$(map "$(uri vda@monday)" | xargs)" \
  "0 131072 0 131072 163840 3 294912 32768 0 327680 655360 1 983040 65536 0"
# The questions: each within a change, the depth after all of the allocation and
# where there are zeroes only.
same "the questions" "$(grep -v "^$monday" "$tmp/questions" | uniq | xargs)" \
  "$(xargs <<END
base:allocation 0 327680
base:allocation 983040 65536
base:allocation 65536 262144
base:allocation 131072 196608
base:allocation 196608 131072
base:allocation 262144 65536
qemu:allocation-depth 0 65536
qemu:allocation-depth 131072 196608
qemu:allocation-depth 983040 65536
qemu:allocation-depth 196608 131072
qemu:allocation-depth 262144 65536
qemu:allocation-depth 294912 32768
END
)"
# The main export asks beyond the changes, which this server refuses.
expect_failure "Invalid argument" map "$(uri vda)"

serve_script "$size, \"contexts\": { $allocation, $depth, $dirty }"
same "the main map" "$(map "$(uri vda)" | xargs)" \
  "0 131072 0 131072 65536 2 196608 98304 3 294912 753664 0"

# Without the depth the server's word is good.
serve_script "$size, \"contexts\": { $allocation, $dirty }"
same "the view without depth" "$(map "$(uri vda@monday)" | xargs)" \
  "0 65536 3 65536 65536 0 131072 196608 3 327680 655360 1 983040 65536 3"
# And without base:allocation what changed is data.
serve_script "$size, \"contexts\": { $dirty }"
same "the view without allocation" "$(map "$(uri vda@monday)" | xargs)" \
  "0 327680 0 327680 655360 1 983040 65536 0"

for context in "$monday" base:allocation qemu:allocation-depth; do
  for fault in "empty extent" error "hang up"; do
    serve_script "$size, \"contexts\": { $allocation, $depth, $dirty },
      \"fault\": \"$fault\", \"fault_in\": \"$context\""
    expect_failure "Input/output error" nbdinfo --map "$(uri vda@monday)"
  done
done

# A size that no file can have: the export is not there.
serve_script "\"size\": 9223372036854775808, \"contexts\": { $dirty }"
expect_failure . nbdinfo "$(uri vda)"
stop_plugin

# A real one.  A disk with data and zeroes, all of it changed since monday; then
# the cut; then the guest zeroes data and overwrites zeroes.
$qemu_img create -q -f qcow2 "$tmp/disk.qcow2" 16M
$qemu_img create -q -f qcow2 -F qcow2 -b "$tmp/disk.qcow2" "$tmp/over.qcow2"
qemu-io -f qcow2 "$tmp/disk.qcow2" -c "write -q -P 7 0 8M" \
  -c "write -q -z 8M 1M"
start_storage_daemon \
  --chardev "socket,id=qmp,path=$tmp/monitor.sock,server=on,wait=off" \
  --monitor chardev=qmp \
  --blockdev "file,node-name=file,filename=$tmp/disk.qcow2" \
  --blockdev qcow2,node-name=disk,file=file,discard=unmap \
  --blockdev "file,node-name=over-file,filename=$tmp/over.qcow2" \
  --blockdev qcow2,node-name=over,file=over-file,backing=disk \
  --export nbd,id=guest,node-name=disk,name=guest,writable=on
nbdcopy --no-extents "$(uri guest "$tmp/server.sock")" "$tmp/cut.raw"
qmp blockdev-backup '{"job-id": "cut", "device": "disk", "target": "over",
  "sync": "none"}' >"$tmp/qmp.log"
qmp block-export-add '{"type": "nbd", "id": "vda", "node-name": "over",
  "name": "vda", "allocation-depth": true}' >"$tmp/qmp.log"
qemu-io -f raw "$(uri guest "$tmp/server.sock")" \
  -c "write -q -z -u 1M 1M" -c "write -q -P 9 8M 64k" -c "write -q -P 9 12M 64k" \
  -c "write -q -z -u 15M 64k"
start_plugin "socket=$tmp/server.sock" export=vda
nbdcopy --no-extents "$(uri vda)" "$tmp/got.raw"
cmp "$tmp/cut.raw" "$tmp/got.raw" || fail "the bytes of the overlay"
nbdcopy "$(uri vda)" "$tmp/got.raw"
cmp "$tmp/cut.raw" "$tmp/got.raw" || fail "the zeroes of the overlay"
# The disk's own zeroes stand, those that the guest has touched are data.
same "the overlay's map" "$(map "$(uri vda)" | xargs)" \
  "0 8454144 0 8454144 4128768 3 12582912 65536 0 12648448 3080192 3 15728640 65536 0 15794176 983040 3"
