#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Connections that a broker hands over: made when they are needed, none ended by
# the plugin, not even at its own end.

. "${srcdir:?}/tests/functions.sh"
. "$srcdir/tests/plugin/plugin.sh"

make_disk 256 "$$"
serve_image "$tmp/disk.qcow2" bitmaps.0=monday

coproc BROKER {
  exec timeout 60 /usr/bin/python3 "$srcdir/tests/plugin/broker.py" \
    "$tmp/broker.sock" "$tmp/server.sock" 2>"$tmp/broker.log"
}
ends_with_test "$BROKER_PID"
wait_for 20 test -S "$tmp/broker.sock"

# handed_out: how many, and how many of them are open.
handed_out ()
{
  local counts
  echo >&"${BROKER[1]}"
  read -r counts <&"${BROKER[0]}"
  echo "$counts"
}

start_plugin "broker=$tmp/broker.sock" connections=3
same "connections before the first client" "$(handed_out)" "0 0"
nbdinfo --list "$(uri "")" >"$tmp/list"
nbdinfo --size "$(uri vda)" >"$tmp/size"
same "connections when nothing was read" "$(handed_out)" "1 1"
# Each would stay open until the job's end: wrong names are not to use them up.
for name in vdb vda@friday vda@; do
  expect_failure . nbdinfo --size "$(uri "$name")"
done
same "connections after wrong names" "$(handed_out)" "1 1"

nbdcopy --no-extents "$(uri vda)" "$tmp/got.raw"
cmp "$tmp/now.raw" "$tmp/got.raw" || fail "seed $$: the bytes"
read -r count open <<<"$(handed_out)"
[ "$count" -le 4 ] || fail "$count connections, 4 at most were expected"
same "open connections" "$open" "$count"

same "the map" "$(map "$(uri vda@monday)")" "$(<"$tmp/vda@monday.map")"
read -r count open <<<"$(handed_out)"
[ "$count" -le 6 ] || fail "$count connections, 6 at most were expected"

# The server sees neither the plugin's end, nor its sudden death.
stop_plugin
same "open connections after the plugin's end" "$(handed_out)" "$count $count"
start_plugin "broker=$tmp/broker.sock"
nbdcopy --no-extents "$(uri vda@monday)" "$tmp/got.raw"
read -r count open <<<"$(handed_out)"
kill -9 "$plugin_pid"
wait_for 20 not kill -0 "$plugin_pid"
same "open connections after the plugin's death" "$(handed_out)" \
  "$count $count"

stop_storage_daemon

# An export that is taken back is not asked for again and again.
start_storage_daemon \
  --chardev "socket,id=qmp,path=$tmp/monitor.sock,server=on,wait=off" \
  --monitor chardev=qmp \
  --blockdev "file,node-name=file,filename=$tmp/disk.qcow2,read-only=on" \
  --blockdev qcow2,node-name=disk,file=file,read-only=on \
  --export nbd,id=vda,node-name=disk,name=vda
start_plugin "broker=$tmp/broker.sock"
nbdcopy --no-extents "$(uri vda)" null:
qmp block-export-del '{"id": "vda", "mode": "hard"}' >"$tmp/qmp.log"
expect_failure "Input/output error" nbdcopy --no-extents "$(uri vda)" null:
read -r count open <<<"$(handed_out)"
for _ in 1 2 3; do
  expect_failure "Input/output error" nbdcopy --no-extents "$(uri vda)" null:
done
read -r again open <<<"$(handed_out)"
same "connections after the export is gone" "$again" "$count"
stop_plugin

# No connection to be had.
start_plugin "broker=$tmp/broker.sock"
stop_storage_daemon
rm -f "$tmp/server.sock"
expect_failure . nbdcopy "$(uri vda)" null:
grep -q "it handed out no connection" "$tmp/nbdkit.log" ||
  fail "the log does not tell of the broker"
expect_failure "cannot connect: No such file" nbdkit -U - \
  pullback "broker=$tmp/absent.sock" --run 'nbdinfo --list "$uri"'
