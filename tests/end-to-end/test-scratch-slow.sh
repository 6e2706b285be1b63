#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A scratch file slower than the guest's writes: they wait, go through, and the
# backup stays right; beyond the limit of a method that has one, it breaks.

. "$srcdir/tests/end-to-end/functions.sh"

writes=pwrite64,pwritev,pwritev2

strace -qq -e trace=none true 2>/dev/null || skip "no process can be traced here"

# slow_scratch MICROSECONDS: from now on each write to the scratch file of vda
# takes as long.  What was delayed is told in $tmp/delays.
slow_scratch ()
{
  scratch=$(find "$tmp/home" -name '*vda*.scratch')
  [ -f "$scratch" ] || fail "not one scratch file of vda: '$scratch'"
  strace -f -p "$qemu_pid" -P "$scratch" -e "trace=$writes" \
    -e "inject=$writes:delay_enter=$1" -o "$tmp/delays" 2>"$tmp/strace.log" &
  strace_pid=$!
  ends_with_test "$strace_pid"
  wait_for 20 grep -q "attached" "$tmp/strace.log"
}

# fast_scratch: again; but not before a write that was delayed has come to its end.
fast_scratch ()
{
  wait_for 60 grep -q "DELAYED" "$tmp/delays"
  kill "$strace_pid"
  wait "$strace_pid" || true
}

no_iothread=yes
start_domain
disk_write vda 0x11 0 8M
cp "$tmp/vda.truth" "$tmp/vda.monday"

pullback backup-begin web --checkpoint monday >"$tmp/begin.out"
slow_scratch 200000
# A client reads what is being copied.
read_from vda "$tmp/vda.early" &
reader=$!
for offset in 0 1M 2M 3M; do
  disk_write vda 0x22 "$offset" 512k
done
wait "$reader" || fail "the client's reads failed"
fast_scratch
guest_has 0x22 3M 512k
guest_has 0x11 4M 4M
read_from vda "$tmp/vda.late"
cmp "$tmp/vda.early" "$tmp/vda.monday"
cmp "$tmp/vda.late" "$tmp/vda.monday"
pullback backup-end web >/dev/null
nothing_left

# Longer than the filter waits: the guest's disk drivers would give up after 30 s.
method=$(sed -n 's/^Method: *//p' "$tmp/begin.out")
# In a qcow2 overlay that is three writes, one after the other, and nothing else.
[ "$method" != overlay ] || exit 0
cp "$tmp/vda.truth" "$tmp/vda.tuesday"
pullback backup-begin web --checkpoint tuesday >/dev/null
slow_scratch 12000000
disk_write vda 0x33 0 64k
fast_scratch
guest_has 0x33 0 64k
case $method in
transaction)
  read_from vda "$tmp/vda.late"
  cmp "$tmp/vda.late" "$tmp/vda.tuesday"
  pullback backup-end web >/dev/null
  same "checkpoints" "$(pullback checkpoint-list web --name | xargs)" \
    "monday tuesday"
  ;;
filter)
  ! nbdcopy "$(uri vda)" null: 2>/dev/null || fail "a lost point in time is served"
  expect_failure "checkpoint 'tuesday' was removed" pullback backup-end web
  same "checkpoints" "$(pullback checkpoint-list web --name | xargs)" "monday"
  ;;
*) fail "no method: $(cat "$tmp/begin.out")" ;;
esac
nothing_left
