#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The checker itself: it knows each state again, and refuses images with a lost,
# a torn, a too early or a too late write, however small.

. "$srcdir/tests/functions.sh"
checker=$builddir/tests/oracle/checker
seed=4711
cd "$tmp"

state () { "$checker" state $seed "$1" "$2.0" "$2.1"; }
check () { "$checker" check $seed "$1" "$2"; }
# copy FROM TO DISK OFFSET LENGTH: bytes of one state into another.
copy ()
{
  dd if="$1.$3" of="$2.$3" bs=1 skip="$4" seek="$4" count="$5" conv=notrunc \
    status=none
}

for number in 0 1 2 3 1000 1001 30000; do
  state $number image
  read -r first last < <(check image.0 image.1)
  # Discards, and writes of zeroes onto zeroes, are all that changes nothing.
  [ "$first" -le $number ] && [ "$last" -ge $number ] &&
    [ $((last - first)) -le 8 ] ||
    fail "state $number was taken for $first to $last"
  for found in $first $last; do
    state "$found" again
    cmp image.0 again.0
    cmp image.1 again.1
  done
done

expect_failure "bytes of no write" "$checker" check 4712 image.0 image.1
expect_failure "has 20973056 bytes" check image.1 image.0
state 0 torn
dd if=torn.0 of=torn.1 bs=512 count=1 conv=notrunc status=none
expect_failure "disk 1, offset 0: bytes of no write" check torn.0 torn.1

# Each disk right for itself, but not at the same instant.
state 2000 early
state 2010 late
expect_failure "no state" check early.0 late.1
expect_failure "no state" check late.0 early.1
check early.0 early.1 >/dev/null
check late.0 late.1 >/dev/null

# Every sector that ten writes changed, taken on its own, is a torn image.
changed=0
for disk in 0 1; do
  while read -r offset; do
    cp --sparse=always early.0 torn.0
    cp --sparse=always early.1 torn.1
    copy late torn $disk "$offset" 512
    expect_failure "no state" check torn.0 torn.1
    changed=$((changed + 1))
  done < <(cmp -l early.$disk late.$disk |
    awk '{ s = int (($1 - 1) / 512) } s != last || NR == 1 { print s * 512; last = s }' |
    awk 'NR % 16 == 1')
done
[ $changed -ge 4 ] || fail "only $changed changed sectors were tried"

# One byte, one bit.
cp late.0 torn.0
printf '\001' | dd of=torn.0 bs=1 seek=100 conv=notrunc status=none
expect_failure "disk 0, offset 0: bytes of no write" check torn.0 late.1

# Data that was never overwritten is lost, and data where none ever was.
cp late.0 torn.0
dd if=/dev/zero of=torn.0 bs=512 seek=$((24 * 2048)) count=1 conv=notrunc status=none
expect_failure "offset $((24 << 20)): holds zeroes" check torn.0 late.1

truncate -s 16M torn.0
expect_failure "has 16777216 bytes" check torn.0 late.1
