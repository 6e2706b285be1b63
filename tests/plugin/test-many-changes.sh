#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Where changes are many, short ones are not asked about: those that read as zeroes
# are told as data, long ones as zeroes, and where changes are few all are, while
# the whole map has no more than 4096 questions.

. "${srcdir:?}/tests/functions.sh"
. "$srcdir/tests/plugin/plugin.sh"

# The first 2 GiB have 256 changes, the next 257; in both, one of 1 MiB and one of
# 64 KiB are of zeroes, and one of 1 MiB has zeroes at its end.
/usr/bin/python3 - "$tmp" <<'PYTHON'
import sys
tmp, kib, mib = sys.argv[1], 1 << 10, 1 << 20
commands, told = open(tmp + "/changes.io", "w"), open(tmp + "/wanted.map", "w")
end = 0

def tell(until, flags):
    global end
    told.write("%d %d %d\n" % (end, until - end, flags))
    end = until

for start, count in (0, 256), (2048 * mib, 257):
    for n in range(count):
        offset = start + (2 + n * 4) * mib
        tell(offset, 1)
        if n == 0:
            commands.write("write -q -z %d 1M\n" % offset)
            tell(offset + mib, 3)
        elif n == 1:
            commands.write("write -q -P 1 %d 512k\n" % offset)
            commands.write("write -q -z %d 512k\n" % (offset + 512 * kib))
            tell(offset + 512 * kib, 0)
            tell(offset + mib, 3)
        elif n == 2:
            commands.write("write -q -z %d 64k\n" % offset)
            tell(offset + 64 * kib, 3 if count <= 256 else 0)
        else:
            commands.write("write -q -P 2 %d 64k\n" % offset)
            tell(offset + 64 * kib, 0)
# 20 pieces with 200 changes each, all zeroes: with the first one's 256, those of
# 19 of them are within the limit.
for piece in range(2, 22):
    for n in range(200):
        offset = piece * 2048 * mib + (2 + n * 4) * mib
        tell(offset, 1)
        commands.write("write -q -z %d 64k\n" % offset)
        tell(offset + 64 * kib, 3 if piece < 21 else 0)
tell(44 << 30, 1)
PYTHON

$qemu_img create -q -f qcow2 "$tmp/disk.qcow2" 44G
$qemu_img bitmap --add --enable -f qcow2 "$tmp/disk.qcow2" monday
qemu-io -t unsafe -f qcow2 "$tmp/disk.qcow2" <"$tmp/changes.io" >"$tmp/qemu-io.out"
$qemu_img bitmap --disable -f qcow2 "$tmp/disk.qcow2" monday
serve_image "$tmp/disk.qcow2" bitmaps.0=monday
start_plugin "socket=$tmp/server.sock"

map "$(uri vda@monday)" | diff -u "$tmp/wanted.map" - || fail "the map"
# An increment by it is right all the same.
$qemu_img create -q -f qcow2 "$tmp/full.qcow2" 44G
$qemu_img convert -f raw -O qcow2 -B "$tmp/full.qcow2" -F qcow2 \
  "$(uri vda@monday)" "$tmp/increment.qcow2"
$qemu_img compare -q "$tmp/disk.qcow2" "$tmp/increment.qcow2" ||
  fail "the increment"
