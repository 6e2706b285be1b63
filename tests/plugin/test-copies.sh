#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What the views are for: an incremental overlay by qemu-img, a full copy updated
# in place by nbdcopy, and that only changed data is read for either.

. "${srcdir:?}/tests/functions.sh"
. "$srcdir/tests/plugin/plugin.sh"

make_disk 1024 "$$"
serve_image "$tmp/disk.qcow2" bitmaps.0=monday

# What clients have read of the plugin since it was started, in bytes.
bytes_read ()
{
  /usr/bin/python3 - "$tmp/requests" <<'PYTHON'
import re, sys
print(sum(int(count, 16) for count in
          re.findall(r" Read id=\d+ offset=\S+ count=(\S+)",
                     open(sys.argv[1]).read())))
PYTHON
}

# The full copy, by several connections at once.
start_plugin "socket=$tmp/server.sock"
nbdcopy --connections=4 --requests=16 --no-extents "$(uri vda)" "$tmp/full.raw"
cmp "$tmp/now.raw" "$tmp/full.raw" || fail "seed $$: the full copy"
same "bytes read for the full copy" "$(bytes_read)" "$(stat -c %s "$tmp/now.raw")"
$qemu_img compare -q -f raw -F raw "$tmp/now.raw" "$(uri vda)"
stop_plugin

# The chain: what the disk was on monday, and the increment on top.
start_plugin "socket=$tmp/server.sock"
$qemu_img convert -f raw -O qcow2 "$tmp/monday.raw" "$tmp/full.qcow2"
$qemu_img convert -O qcow2 -B "$tmp/full.qcow2" -F qcow2 "$(uri vda@monday)" \
  "$tmp/inc.qcow2"
$qemu_img compare -q -f qcow2 -F raw "$tmp/inc.qcow2" "$tmp/now.raw" ||
  fail "seed $$: the incremental overlay"
# qemu-img reads a little more than it copies, to find out the format.
same "MiB read for the overlay" "$(($(bytes_read) / 1048576))" \
  "$(($(<"$tmp/changed-data") / 1048576))"
stop_plugin

# In place: what changed to zeroes is read too.  nbdcopy reads whole requests,
# so that they are made as small as the bitmap's granularity.
start_plugin "socket=$tmp/server.sock"
nbdcopy -S 0 --destination-is-zero --request-size=65536 \
  "$(uri vda@monday/inplace)" -- [ qemu-nbd -f qcow2 "$tmp/full.qcow2" ]
$qemu_img compare -q -f qcow2 -F raw "$tmp/full.qcow2" "$tmp/now.raw" ||
  fail "seed $$: the copy updated in place"
same "bytes read for the update in place" "$(bytes_read)" \
  "$(awk '$3 == 0 { sum += $2 } END { print sum }' \
    "$tmp/vda@monday-inplace.map")"
