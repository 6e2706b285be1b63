#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The maps of views as bytes: their format, that they say the same as block status
# does, and that nobody comes across them by chance.

. "${srcdir:?}/tests/functions.sh"
. "$srcdir/tests/plugin/plugin.sh"

# A disk of 5 GiB and a bit, so that its map has three segments; some changes lie on
# their borders.
/usr/bin/python3 - "$tmp" <<'PYTHON'
import random, sys
rng, cluster, piece = random.Random(11), 65536, 1 << 31
with open(sys.argv[1] + "/changes.io", "w") as commands:
    for at in sorted(rng.sample(range(1, (5 << 30) // cluster - 4), 300)
                     + [piece // cluster - 2, 2 * piece // cluster - 1]):
        commands.write("write -q %s %d %d\n" % (rng.choice(["-z", "-P 1"]),
                                               at * cluster, 3 * cluster))
PYTHON
$qemu_img create -q -f qcow2 "$tmp/disk.qcow2" $(((5 << 30) + 512))
$qemu_img bitmap --add --enable -f qcow2 "$tmp/disk.qcow2" monday
qemu-io -t unsafe -f qcow2 "$tmp/disk.qcow2" <"$tmp/changes.io" >"$tmp/qemu-io.out"
$qemu_img bitmap --disable -f qcow2 "$tmp/disk.qcow2" monday
start_storage_daemon \
  --blockdev "file,node-name=file,filename=$tmp/disk.qcow2,read-only=on" \
  --blockdev qcow2,node-name=disk,file=file,read-only=on \
  --blockdev null-co,node-name=null,size=1048576,read-zeroes=on \
  --export nbd,id=vda,node-name=disk,name=vda,bitmaps.0=monday \
  --export nbd,id=other,node-name=null,name=pullback-map:vdb
start_plugin "socket=$tmp/server.sock"

cat >"$tmp/decode.py" <<'PYTHON'
"""Prints the map of an export, read as bytes: offset, length, flags."""
import os, random, struct, sys, nbd
socket, name, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
piece, stride, run = 1 << 31, 1 << 26, struct.Struct(">II")
h = nbd.NBD()
h.set_export_name("pullback-map:" + name)
h.connect_unix(socket)
segments = -(-size // piece)
assert h.get_size() == (segments + 1) * stride, h.get_size()
assert h.is_read_only() and h.can_cache()
header = h.pread(4096, 0)
assert header == b"PullMap\1" + struct.pack(">QQ", size, piece) + bytes(4072)

end = flags = 0
runs = []  # joined across segments
for i in range(segments):
    at = (1 + i) * stride
    h.cache(stride, at)
    count, = struct.unpack(">Q", h.pread(8, at))
    whole = h.pread(8 + 8 * count + 100, at)
    assert whole[8 + 8 * count:] == bytes(100)
    last = 0
    for stop, flags in run.iter_unpack(whole[8:8 + 8 * count]):
        assert stop > last and flags <= 3
        if runs and runs[-1][2] == flags:
            runs[-1][1] += stop - last
        else:
            runs.append([i * piece + last, stop - last, flags])
        last = stop
    assert last == min(piece, size - i * piece)
    # Any other range has the same bytes.
    for _ in range(50):
        first = random.randrange(len(whole))
        length = random.randint(1, len(whole) - first)
        assert h.pread(length, at + first) == whole[first:first + length]
# Zeroes up to the next segment, and what begins there.
there = h.pread(72, 2 * stride - 64)
assert there == bytes(64) + h.pread(8, 2 * stride)
assert h.pread(512, h.get_size() - 512) == bytes(512)
for one in runs:
    print(*one)
PYTHON

size=$(nbdinfo --size "$(uri vda)")
for view in vda vda@monday vda@monday/inplace; do
  /usr/bin/python3 "$tmp/decode.py" "$tmp/plugin.sock" "$view" "$size" \
    >"$tmp/read.map" || fail "the map of $view"
  map "$(uri "$view")" | diff -u - "$tmp/read.map" >"$tmp/difference" ||
    { head -n 20 "$tmp/difference"; fail "the map of $view as bytes (right)"; }
done
# To begin with bytes is the same as to begin with block status.
stop_plugin
start_plugin "socket=$tmp/server.sock"
/usr/bin/python3 "$tmp/decode.py" "$tmp/plugin.sock" vda@monday "$size" \
  >"$tmp/read-first.map"
cmp "$tmp/read-first.map" <(map "$(uri vda@monday)")

# The relay, which reads bytes from the plugin and asks the server itself by block
# status, says the same as both.
start_relay ()
{
  # start_relay NAME UPSTREAM ARGS...
  local name=$1 upstream=$2
  shift 2
  pullback-relay --upstream "unix:$tmp/$upstream.sock" \
    --listen "unix:$tmp/$name.sock" "$@" 2>"$tmp/$name.log" &
  relays+=($!)
  ends_with_test $!
  wait_for 20 test -S "$tmp/$name.sock"
}
relays=()
start_relay by-bytes plugin \
  --context export=vda,name=qemu:dirty-bitmap:monday,view=vda@monday
start_relay by-status server
for view in vda vda@monday vda@monday/inplace; do
  map "$(uri "$view")" |
    cmp - <(map "$(uri "$view" "$tmp/by-bytes.sock")") || fail "the relay's $view"
done
map "$(uri vda "$tmp/server.sock")" |
  cmp - <(map "$(uri vda "$tmp/by-status.sock")") || fail "by block status"
map "$(uri vda "$tmp/server.sock")" |
  cmp - <(map "$(uri vda "$tmp/by-bytes.sock")") || fail "the server's allocation"
map "$(uri vda "$tmp/server.sock")" qemu:dirty-bitmap:monday |
  cmp - <(map "$(uri vda "$tmp/by-bytes.sock")" qemu:dirty-bitmap:monday) ||
  fail "the server's bitmap"
# decode.py never reads a header alone.
grep -q "Read id=.* offset=0x0 count=0x18 " "$tmp/requests" ||
  fail "the relay has read no bytes"
kill "${relays[@]}"

# They are listed nowhere, and have no map of their own.
same "the list of exports" \
  "$(nbdinfo --list "$(uri "")" | sed -n 's/^export="\(.*\)":$/\1/p' | xargs)" \
  "vda vda@monday vda@monday/inplace"
expect_failure . nbdinfo "$(uri pullback-map:)"
expect_failure . nbdinfo "$(uri pullback-map:vda@friday)"
expect_failure . nbdinfo "$(uri pullback-map:pullback-map:vda)"
# A disk that is named as if it were one is not served.
expect_failure . nbdinfo "$(uri pullback-map:vdb)"
grep -q "'pullback-map:vdb' of .* is not served" "$tmp/nbdkit.log" ||
  fail "nbdkit did not say why"

# Without the server there is an error, not an empty map.
stop_storage_daemon
stop_plugin
start_storage_daemon \
  --blockdev "file,node-name=file,filename=$tmp/disk.qcow2,read-only=on" \
  --blockdev qcow2,node-name=disk,file=file,read-only=on \
  --export nbd,id=vda,node-name=disk,name=vda,bitmaps.0=monday
start_plugin "socket=$tmp/server.sock"
stop_storage_daemon
expect_failure . nbdcopy --no-extents --request-size=4096 \
  "$(uri pullback-map:vda@monday)" null:
