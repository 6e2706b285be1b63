#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A full backup and two increments of two disks, while the guest goes on writing:
# bytes, views and maps are those of the point in time.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
for disk in vda vdb; do
  disk_write $disk 0x11 0 4M
  disk_write $disk 0x12 20M 1M
  disk_write $disk 0x13 64M 512
done

# Monday, full.
pullback backup-begin web --checkpoint monday >"$tmp/begin.out"
for disk in vda vdb; do
  cp "$tmp/$disk.truth" "$tmp/$disk.monday"
  disk_write $disk 0x21 1M 128k
  disk_write $disk 0x22 30M 1M
  disk_write $disk 0x23 64M 512
done
for disk in vda vdb; do
  read_from $disk "$tmp/$disk.full"
  cmp "$tmp/$disk.full" "$tmp/$disk.monday"
  "$qemu_img" convert -O qcow2 "$(uri $disk)" "$tmp/$disk.monday.qcow2"
  "$qemu_img" compare "$tmp/$disk.monday.qcow2" "$tmp/$disk.monday" >/dev/null
done
# Allocation of the point in time: what is reported zero reads as zeroes.
nbdinfo --map "$(uri vda)" >"$tmp/allocation"
grep -q ' 3 ' "$tmp/allocation" || fail "nothing is reported as a hole"
qemu_alive
pullback backup-end web >/dev/null
nothing_left
same "bitmaps" "$(bitmaps fmt-a)" monday

# Tuesday, since Monday.  Monday's point in time was before the first four
# writes; more follow before the cut, and others after it.
for disk in vda vdb; do
  disk_write $disk 0x31 40M 64k
  disk_discard $disk 2M 64k
done
pullback backup-begin web --incremental monday --checkpoint tuesday >"$tmp/begin.out"
for disk in vda vdb; do
  cp "$tmp/$disk.truth" "$tmp/$disk.tuesday"
  disk_write $disk 0x41 50M 1M
  disk_write $disk 0x43 40M 64k
  disk_write $disk 0x42 0 64k
done
cat >"$tmp/expected" <<END
1048576 131072
2097152 65536
31457280 1048576
41943040 65536
67108864 512
END
for disk in vda vdb; do
  for context in qemu:dirty-bitmap:backup-$disk pullback:since:monday; do
    changed_map $context $disk >"$tmp/got"
    diff -u "$tmp/expected" "$tmp/got"
  done
  # 2: reads as zeroes; only the range that the guest zeroed.
  nbdinfo --map=pullback:since:monday "$(uri $disk)" >"$tmp/map"
  same "zeroed range" "$(awk '$3 == 3 {print $1, $2}' "$tmp/map")" "2097152 65536"

  "$qemu_img" convert -O qcow2 -B "$tmp/$disk.monday.qcow2" -F qcow2 \
    "$(uri $disk@monday)" "$tmp/$disk.tuesday.qcow2"
  "$qemu_img" compare "$tmp/$disk.tuesday.qcow2" "$tmp/$disk.tuesday" >/dev/null
  # Thin: it holds the changed clusters, one of them as zeroes, and no other.
  data=$("$qemu_img" map --output=json "$tmp/$disk.tuesday.qcow2" |
    /usr/bin/python3 -c '
import json, sys
print(sum(e["length"] for e in json.load(sys.stdin)
          if e["depth"] == 0 and e["data"]))')
  same "data in the increment" "$data" \
    $((131072 + 1048576 + 65536 + 512))
  read_from $disk@monday "$tmp/$disk.view"
  cmp "$tmp/$disk.view" "$tmp/$disk.tuesday"
done
pullback backup-end web >/dev/null
nothing_left
same "bitmaps" "$(bitmaps fmt-a)" "monday tuesday"

# Wednesday, two bases of one job: a client on each.
disk_write vda 0x51 10M 64k
pullback backup-begin web --incremental tuesday --checkpoint wednesday >"$tmp/begin.out"
cp "$tmp/vda.truth" "$tmp/vda.wednesday"
disk_write vda 0x61 10M 64k
for base in monday tuesday; do
  "$qemu_img" convert -O qcow2 -B "$tmp/vda.$base.qcow2" -F qcow2 \
    "$(uri vda@$base)" "$tmp/since-$base.qcow2"
  "$qemu_img" compare "$tmp/since-$base.qcow2" "$tmp/vda.wednesday" >/dev/null
done
# The full copy of Monday brought up to date in place.
nbdcopy -S 0 --destination-is-zero "$(uri vda@monday/inplace)" -- \
  [ qemu-nbd -f qcow2 "$tmp/vda.monday.qcow2" ]
"$qemu_img" compare "$tmp/vda.monday.qcow2" "$tmp/vda.wednesday" >/dev/null
pullback backup-end web >/dev/null
nothing_left
qemu_alive
