#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# backup-begin --reclaim: what the reader has received is no longer copied, leaves
# the scratch file and can be read no more, whoever dies; refused where QEMU
# cannot.

. "$srcdir/tests/end-to-end/functions.sh"

# All of it in whole clusters, so that nothing need be left.
disk_size=$((64 * 1024 * 1024))

# nbdsh, with the Python that has libnbd.
ask () { /usr/bin/python3 -m nbd "$@"; }

version=$(version_of_qemu)
[ $version -ge 10001 ] || no_iothread=yes
start_domain
disk_write vda 0x11 0 32M
disk_write vda 0x12 48M 1M
disk_write vdb 0x44 0 8M

expect_failure "only for a backup without --push" \
  pullback backup-begin web --push --reclaim
if [ $version -lt 9001 ]; then
  expect_failure "QEMU .* cannot reclaim what was read: that needs QEMU 10.1" \
    pullback backup-begin web --reclaim
  nothing_left
  exit 0
fi
if [ $version -lt 10001 ]; then
  expect_failure "cannot reclaim what was read" \
    pullback backup-begin web --reclaim --method overlay
fi
nothing_left

# In KiB, of what the file takes.
scratch_of () { du -k "$tmp/home/state/scratch/pullback-web-$1.scratch" | cut -f1; }
guest () { guest_write "/machine/peripheral/$1/virtio-backend" "$2"; }

# The guest overwrites what was data until the file is gone.
keep_writing ()
{
  local i
  for ((i = 0; ; i++)); do
    [ -e "$tmp/writing" ] || break
    guest "$1" "write -P 0x77 $((i * 7 % $2))M 300k"
  done
}
start_writing ()
{
  : >"$tmp/writing"
  keep_writing "$@" &
  writer=$!
}
stop_writing ()
{
  rm "$tmp/writing"
  wait $writer
}

# Whole pulls.
pullback backup-begin web --checkpoint monday --reclaim >"$tmp/begin.out"
grep -q "every byte can be read once" "$tmp/begin.out" || fail "$(cat "$tmp/begin.out")"
same "reclaim" "$(pullback backup-info web --json | json_get reclaim)" True
for disk in vda vdb; do
  cp "$tmp/$disk.truth" "$tmp/$disk.monday"
done
# For clients it is as read-only as ever.
ask -u "$(uri vda)" -c '
import errno
h.set_strict_mode(0)
assert h.is_read_only() and not h.can_trim()
for call in (lambda: h.trim(65536, 0), lambda: h.zero(65536, 0),
             lambda: h.pwrite(b"x" * 65536, 0)):
    try:
        call()
        assert False
    except nbd.Error as error:
        assert error.errnum == errno.EPERM, error'
guest vda "write -P 0x33 0 20M"
guest vdb "write -P 0x33 0 4M"
[ "$(scratch_of vda)" -ge 20480 ] || fail "only $(scratch_of vda) KiB were copied"
# A client that dies has received nothing for good.
if ask -u "$(uri vda)" -c 'import os; h.pread(1 << 20, 0); os._exit(1)'; then
  fail "it did not die"
fi
start_writing vda 32
read_from vda "$tmp/vda.pulled"
stop_writing
cmp "$tmp/vda.pulled" "$tmp/vda.monday"
start_writing vdb 8
"$qemu_img" convert -f raw -O qcow2 "$(uri vdb)" "$tmp/vdb.monday.qcow2"
stop_writing
"$qemu_img" compare -q -f raw -F qcow2 "$tmp/vdb.monday" "$tmp/vdb.monday.qcow2"

# What was data is gone from the scratch files, and comes there no more.
plugin=$tmp/home/run/web/plugin.sock
readable () { nbdinfo --map "$(uri "$1@/readable" "$plugin")"; }
# data_is_gone DISK MIB: the first so many.
data_is_gone ()
{
  readable "$1" | awk -v end=$(($2 * 1048576)) \
    '$1 == 0 { gone = $2 >= end && $3 == 1 } END { exit !gone }'
}
wait_for 20 data_is_gone vda 32
wait_for 20 data_is_gone vdb 8
scratch_is_empty () { [ "$(scratch_of "$1")" -le 512 ]; }
wait_for 20 scratch_is_empty vda
wait_for 20 scratch_is_empty vdb
disk_write vda 0x55 0 32M
disk_write vda 0x56 48M 1M
scratch_is_empty vda || fail "the scratch file has grown to $(scratch_of vda) KiB"
expect_failure "Operation not permitted" ask -u "$(uri vda)" -c 'h.pread(512, 0)'
expect_failure "Operation not permitted" ask -u "$(uri vda)" -c 'h.pread(65536, 31 << 20)'
expect_failure "Operation not permitted" nbdcopy "$(uri vda)" null:
grep -q "export 'vda': offset .* was already read once and reclaimed" \
  "$tmp/home/run/web/nbdkit.log" || fail "the log does not say why"
# QEMU has it no more either.
expect_failure "Invalid argument" ask \
  -u "nbd+unix:///vda?socket=$tmp/home/run/web/qemu.sock" -c 'h.pread(512, 0)'
pullback backup-end web --require-complete
nothing_left
! find "$tmp/home" -name '*.reclaimed' | grep . || fail "a file is left"
same "bitmaps" "$(bitmaps fmt-a)" monday

# An increment, with what nobody can ask for left out.  Whoever dies in the middle
# of it, what was read stays read, and the rest can be read.
pullback backup-begin web --incremental monday --checkpoint tuesday --disk vda \
  --changes-only --reclaim >/dev/null
cp "$tmp/vda.truth" "$tmp/vda.tuesday"
guest vda "write -P 0x66 0 64M"
[ "$(scratch_of vda)" -ge 33792 ] || fail "only $(scratch_of vda) KiB were copied"
ask -u "$(uri vda@monday)" -c '
truth = open("'"$tmp"'/vda.tuesday", "rb").read(16 << 20)
assert h.pread(16 << 20, 0) == truth
h.shutdown()'
wait_for 20 data_is_gone vda 16
scratch_is_half () { [ "$(scratch_of vda)" -le 17920 ]; }
wait_for 20 scratch_is_half
for process in nbdkit pullback-relay; do
  pid=$(process_of $process)
  kill -9 "$pid"
  wait_for 20 is_another $process "$pid"
done
kill_pullbackd
start_pullbackd
same "reclaim" "$(pullback backup-info web --json | json_get reclaim)" True
data_is_gone vda 16 || fail "it is forgotten: $(readable vda)"
expect_failure "Operation not permitted" ask -u "$(uri vda@monday)" -c 'h.pread(512, 0)'
nbdinfo --map "$(uri vda@monday)" >/dev/null
ask -u "$(uri vda@monday/inplace)" -c '
h.set_strict_mode(0)
truth = open("'"$tmp"'/vda.tuesday", "rb")
for offset in range(16 << 20, 64 << 20, 1 << 18):
    truth.seek(offset)
    changed = offset < 32 << 20 or 48 << 20 <= offset < 49 << 20
    try:
        assert h.pread(1 << 18, offset) == truth.read(1 << 18), offset
        assert changed, offset
    except nbd.Error:
        assert not changed, offset
h.shutdown()'
wait_for 20 data_is_gone vda 32
pullback backup-end web
same "bitmaps" "$(bitmaps fmt-a)" "monday tuesday"

# Where nothing is left to be read nothing can be wrong.
pullback backup-begin web --checkpoint wednesday --reclaim --disk vda >/dev/null
ask -u "$(uri vda)" -c '
for offset in range(0, h.get_size(), 1 << 20):
    h.pread(1 << 20, offset)
h.shutdown()'
wait_for 20 data_is_gone vda 64
pullback backup-end web
nothing_left
same "bitmaps" "$(bitmaps fmt-a)" "monday tuesday wednesday"

# What was read needs no room; what was not does, and is lost without it.
mkdir "$tmp/small"
if mount -t tmpfs -o size=6m tmpfs "$tmp/small" 2>/dev/null; then
  trap 'status=$?; umount -l "$tmp/small"; cleanup $status' EXIT
  pullback backup-begin web --checkpoint thursday --reclaim --disk vda \
    --scratch "$tmp/small" >/dev/null
  ask -u "$(uri vda)" -c 'h.pread(16 << 20, 0); h.shutdown()'
  wait_for 20 data_is_gone vda 16
  guest vda "write -P 0x88 0 16M"
  [ "$(du -k "$tmp/small" | cut -f1)" -le 512 ] || fail "it needs room"
  same "the backup" "$(backup_state)" running
  guest vda "write -P 0x88 16M 16M"
  wait_for 20 backup_is broken
  guest_has 0x88 0 32M
  expect_failure "checkpoint 'thursday' was removed" pullback backup-end web
  nothing_left
  ! ls "$tmp/small" | grep . || fail "a scratch file is left"
fi
qemu_alive
