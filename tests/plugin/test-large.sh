#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk of 1 TiB with changes all over it, some across the borders of the pieces
# in which maps are fetched, against what was written.

. "${srcdir:?}/tests/functions.sh"
. "$srcdir/tests/plugin/plugin.sh"

/usr/bin/python3 - "$tmp" <<'PYTHON'
import random, sys
tmp = sys.argv[1]
size, cluster, piece = 1 << 40, 65536, 1 << 31
rng = random.Random(7)

# Start, clusters, and whether they become zeroes: 2000 spread over the disk, and
# some on borders, ascending and apart from each other.
writes = []
for n in range(2000):
    start = n * (size // 2000) // cluster * cluster + rng.randrange(64) * cluster
    writes.append((start, rng.randint(1, 3), rng.random() < 0.5))
for border in 1, 2, 3, 100, 511:
    at = border * piece
    writes = [w for w in writes if abs(w[0] - at) > 64 * cluster]
    writes.append((at - 2 * cluster, 4, border % 2 == 0))
writes.append((size - cluster, 1, False))
writes.sort()

commands = open(tmp + "/changes.io", "w")
changes, in_place = open(tmp + "/changes.map", "w"), open(tmp + "/in-place.map", "w")
end = 0
for start, clusters, zero in writes:
    length = clusters * cluster
    assert start > end
    commands.write("write -q %s %d %d\n"
                   % ("-z" if zero else "-P 1", start, length))
    changes.write("%d %d 1\n%d %d %d\n" % (end, start - end, start, length,
                                           3 if zero else 0))
    in_place.write("%d %d 3\n%d %d 0\n" % (end, start - end, start, length))
    end = start + length
assert end == size
PYTHON

$qemu_img create -q -f qcow2 "$tmp/disk.qcow2" 1T
$qemu_img bitmap --add --enable -f qcow2 "$tmp/disk.qcow2" monday
qemu-io -t unsafe -f qcow2 "$tmp/disk.qcow2" <"$tmp/changes.io" >"$tmp/qemu-io.out"
$qemu_img bitmap --disable -f qcow2 "$tmp/disk.qcow2" monday
serve_image "$tmp/disk.qcow2" bitmaps.0=monday
start_plugin "socket=$tmp/server.sock"

# Several clients want the same maps at once; some wait while others fetch.
clients=()
for number in 1 2 3; do
  for view in changes in-place; do
    name=vda@monday
    [ "$view" = changes ] || name=vda@monday/inplace
    timeout 60 nbdinfo --map "$(uri "$name")" >"$tmp/$view.$number" &
    clients+=($!)
    ends_with_test $!
  done
done
for client in "${clients[@]}"; do
  wait "$client" || fail "a client of the maps"
done
for number in 1 2 3; do
  for view in changes in-place; do
    awk '{ print $1, $2, $3 }' "$tmp/$view.$number" |
      diff -u "$tmp/$view.map" - | head -n 20 >"$tmp/difference"
    [ ! -s "$tmp/difference" ] ||
      { cat "$tmp/difference"; fail "the map $view is not what was written"; }
  done
done
same "the allocation" "$(map "$(uri vda)" | md5sum)" \
  "$(map "$(uri vda "$tmp/server.sock")" | md5sum)"
