#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every view of a disk with two bitmaps: names, sizes, maps and bytes, against
# what was written.

. "${srcdir:?}/tests/functions.sh"
. "$srcdir/tests/plugin/plugin.sh"

make_disk 1024 "$$"
serve_image "$tmp/disk.qcow2" bitmaps.0=monday,bitmaps.1=tuesday
start_plugin "socket=$tmp/server.sock"

views=(vda vda@monday vda@monday/inplace vda@tuesday vda@tuesday/inplace)
same "the list of exports" \
  "$(nbdinfo --list "$(uri "")" | sed -n 's/^export="\(.*\)":$/\1/p' | xargs)" \
  "${views[*]}"
nbdinfo --list "$(uri "")" | grep -q 'description: changes since monday' ||
  fail "the views are not described"

for view in "${views[@]}"; do
  map "$(uri "$view")" >"$tmp/got.map"
  diff -u "$tmp/${view//\//-}.map" "$tmp/got.map" ||
    fail "seed $$: the map of $view (right) is not what was written (left)"
  # Without the map, which is not meant for copies from nothing.
  nbdcopy --no-extents "$(uri "$view")" "$tmp/got.raw"
  cmp "$tmp/now.raw" "$tmp/got.raw" || fail "seed $$: the bytes of $view"
done

# The origin's own word, where it has one, and the main export by default.
same "the allocation" "$(map "$(uri vda)")" \
  "$(map "$(uri vda "$tmp/server.sock")")"
same "the default export" "$(map "$(uri "")")" "$(map "$(uri vda)")"
same "the dirty clusters" \
  "$(map "$(uri vda@monday/inplace)" | awk '$3 == 0 { print $1, $2 }')" \
  "$(map "$(uri vda "$tmp/server.sock")" qemu:dirty-bitmap:monday |
    awk '$3 == 1 { print $1, $2 }')"

nbdinfo "$(uri vda@monday)" >"$tmp/info"
for line in 'export-size: 67108864 ' 'is_read_only: true' \
  'can_multi_conn: true' 'block_size_maximum: 33554432'; do
  grep -q "$line" "$tmp/info" ||
    { cat "$tmp/info"; fail "vda@monday: no '$line'"; }
done

# One extent at a time, and a range that starts and ends within runs.
/usr/bin/python3 - "$tmp" <<'PYTHON'
import random, sys, nbd
tmp = sys.argv[1]
for view in "vda", "vda@monday", "vda@monday/inplace":
    flags = bytearray()
    for line in open("%s/%s.map" % (tmp, view.replace("/", "-"))):
        offset, length, kind = map(int, line.split())
        flags += bytes([kind]) * (length // 512)
    h = nbd.NBD()
    h.add_meta_context("base:allocation")
    h.set_export_name(view)
    h.connect_unix(tmp + "/plugin.sock")
    for _ in range(200):
        offset = random.randrange(len(flags))
        length = random.randint(1, len(flags) - offset)
        for one in 0, nbd.CMD_FLAG_REQ_ONE:
            got = []
            h.block_status(length * 512, offset * 512,
                           lambda context, at, entries, error:
                           got.extend(entries), one)
            position = offset
            assert got and (len(got) == 2 or not one)
            for size, kind in zip(got[::2], got[1::2]):
                assert size % 512 == 0 and size > 0
                end = position + size // 512
                assert flags[position:end] == bytes([kind]) * (end - position)
                position = end
            assert one or position == offset + length
    h.shutdown()
PYTHON

# Only one of several exports, by its name or by the URI.
stop_plugin
start_plugin "$(uri vda "$tmp/server.sock")" connections=1
same "the list with a URI" \
  "$(nbdinfo --list "$(uri "")" | grep -c '^export=')" 5
nbdcopy "$(uri vda)" "$tmp/got.raw"
cmp "$tmp/now.raw" "$tmp/got.raw"
stop_plugin

# Names that look like views: '@' and '/' belong to the exports here.
stop_storage_daemon
start_storage_daemon \
  --blockdev "file,node-name=file,filename=$tmp/disk.qcow2,read-only=on" \
  --blockdev qcow2,node-name=disk,file=file,read-only=on \
  --blockdev null-co,node-name=null,size=1048576,read-zeroes=on \
  --export nbd,id=a,node-name=disk,name=a@b,bitmaps.0=monday \
  --export nbd,id=b,node-name=null,name=a@b@monday/inplace \
  --export nbd,id=c,node-name=null,name=a
start_plugin "socket=$tmp/server.sock" export=a@b export=a@b@monday/inplace
same "the list of two exports" \
  "$(nbdinfo --list "$(uri "")" | sed -n 's/^export="\(.*\)":$/\1/p' | xargs)" \
  "a@b a@b@monday a@b@monday/inplace a@b@monday/inplace"
same "a view" "$(map "$(uri a@b@monday)")" "$(<"$tmp/vda@monday.map")"
same "an export named as a view" \
  "$(nbdinfo --size "$(uri a@b@monday/inplace)")" 1048576
expect_failure . nbdinfo "$(uri a)"
expect_failure . nbdinfo "$(uri "")"
