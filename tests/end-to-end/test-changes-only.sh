#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# backup-begin --changes-only: only what a view can ask for is copied before the
# guest overwrites it, and nothing else can be read; refused where QEMU cannot.

. "$srcdir/tests/end-to-end/functions.sh"


# nbdsh, with the Python that has libnbd.
ask () { /usr/bin/python3 -m nbd "$@"; }

version=$(version_of_qemu)
[ $version -ge 10001 ] || no_iothread=yes
start_domain

disk_write vda 0x11 0 32M
disk_write vdb 0x44 0 8M

# What cannot be limited is refused before anything is there.
expect_failure "make a full backup with a checkpoint first" \
  pullback backup-begin web --changes-only
expect_failure "only for a backup without --push" \
  pullback backup-begin web --push --changes-only
nothing_left

pullback backup-begin web --checkpoint monday --disk vda >/dev/null
"$qemu_img" convert -f raw -O qcow2 "$(uri vda)" "$tmp/monday.qcow2"
pullback backup-end web >/dev/null

disk_write vda 0x22 1M 1M
disk_write vda 0x22 $((disk_size - 512)) 512
disk_discard vda 4M 1M

if [ $version -lt 9001 ]; then
  expect_failure "QEMU .* cannot keep only what changed: that needs QEMU 10.1" \
    pullback backup-begin web --incremental monday --changes-only
  nothing_left
  exit 0
fi
if [ $version -lt 10001 ]; then
  expect_failure "cannot keep only what changed" \
    pullback backup-begin web --incremental monday --changes-only --method overlay
fi

pullback backup-begin web --incremental monday --checkpoint tuesday --changes-only \
  --disk vda --disk vdb >"$tmp/begin.out"
cat "$tmp/begin.out"
grep -q "vdb is a full backup" "$tmp/begin.out" || fail "nothing is said of vdb"
same "what is offered" "$(nbdinfo --list --json "nbd+unix://?socket=$tmp/home/run/web/nbd.sock" |
  sed -n 's/.*"export-name": "\([^"]*\)".*/\1/p' | sort | tr '\n' ' ')" \
  "vda@monday vda@monday/inplace vdb "
same "contexts of a view" "$(nbdinfo --json "$(uri vda@monday)" | grep -c 'pullback:\|qemu:')" 0
! nbdinfo "$(uri vda)" >/dev/null 2>&1 || fail "the main export is offered"
grep -q "of export 'vda' there is only what changed" "$tmp/home/run/web/nbdkit.log" ||
  fail "the log does not say why"

# The guest goes on: clean parts, changed parts, and some of both.
cp "$tmp/vda.truth" "$tmp/vda.cut"
cp "$tmp/vdb.truth" "$tmp/vdb.cut"
guest_write "/machine/peripheral/vda/virtio-backend" "write -P 0x33 512k 20M"
guest_write "/machine/peripheral/vda/virtio-backend" "write -P 0x33 40M 20M"
guest_write "/machine/peripheral/vda/virtio-backend" "write -P 0x33 $((disk_size - 65536)) 65536"
guest_write "/machine/peripheral/vdb/virtio-backend" "write -P 0x55 0 16M"
used=$(du -k "$tmp/home/state/scratch/pullback-web-vda.scratch" | cut -f1)
# 2 MiB changed, and one sector at the end.
[ "$used" -le 3072 ] || fail "$used KiB were copied before writes of 40 MiB"
used=$(du -k "$tmp/home/state/scratch/pullback-web-vdb.scratch" | cut -f1)
[ "$used" -ge 8192 ] || fail "of vdb only $used KiB were copied"

is_point_in_time ()
{
  "$qemu_img" compare -q -f raw -F qcow2 "$tmp/vda.cut" "$1" ||
    fail "$1 is not the point in time"
}

"$qemu_img" convert -f raw -O qcow2 -B "$tmp/monday.qcow2" -F qcow2 \
  "$(uri vda@monday)" "$tmp/tuesday.qcow2"
is_point_in_time "$tmp/tuesday.qcow2"
cp "$tmp/monday.qcow2" "$tmp/inplace.qcow2"
nbdcopy -S 0 --destination-is-zero --request-size=65536 "$(uri vda@monday/inplace)" -- \
  [ qemu-nbd -f qcow2 "$tmp/inplace.qcow2" ]
is_point_in_time "$tmp/inplace.qcow2"
read_from vdb "$tmp/vdb.raw"
cmp "$tmp/vdb.cut" "$tmp/vdb.raw"

# The data path tells nothing of what is clean, and QEMU has it no more.
expect_failure "Operation not permitted" ask -u "$(uri vda@monday)" -c 'h.pread(512, 0)'
expect_failure "Operation not permitted" ask -u "$(uri vda@monday)" -c 'h.pread(1 << 20, 3 << 19)'
expect_failure "Operation not permitted" nbdcopy "$(uri vda@monday)" null:
expect_failure "Invalid argument" ask \
  -u "nbd+unix:///vda?socket=$tmp/home/run/web/qemu.sock" -c 'h.pread(512, 0)'
ask -u "$(uri vda@monday)" -c 'h.pread(1 << 20, 1 << 20)'

# Both were pulled, of vda what changed.
pullback backup-end web --require-complete
nothing_left
same "bitmaps" "$(bitmaps fmt-a)" "monday tuesday"

# Every base that is kept can be asked for; without --incremental, too.
disk_write vda 0x66 10M 1M
pullback backup-begin web --changes-only --disk vda >"$tmp/begin.out"
grep -q "since monday" "$tmp/begin.out" && grep -q "since tuesday" "$tmp/begin.out" ||
  fail "not all bases are shown: $(cat "$tmp/begin.out")"
guest_write "/machine/peripheral/vda/virtio-backend" "write -P 0x33 0 32M"
expect_failure "Operation not permitted" ask -u "$(uri vda@tuesday)" \
  -c 'h.pread(512, 36 << 20)'
ask -u "$(uri vda@monday)" -c 'assert h.pread(1, (1 << 20) + 5) == b"\x33"'
ask -u "$(uri vda@tuesday)" -c 'assert h.pread(1, (10 << 20) + 5) == b"\x66"'
# Any of them has to be pulled whole.
refused "of disk 'vda'" backup-end web --require-complete
nbdcopy -S 0 --destination-is-zero --request-size=65536 "$(uri vda@tuesday/inplace)" null:
pullback backup-end web --require-complete
qemu_alive
