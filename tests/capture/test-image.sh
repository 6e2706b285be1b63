#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The empty qcow2 images that scratch files begin as: QEMU's own tools find them
# right, of every size that they take, and write to them.

. "$srcdir/tests/functions.sh"
make_image=$builddir/tests/capture/make-image
KiB=1024
MiB=$((1024 * KiB))
GiB=$((1024 * MiB))
TiB=$((1024 * GiB))
PiB=$((1024 * TiB))

# An entry of the L1 table is of 512 MiB, a cluster of it of 4 TiB.
for size in 0 512 $((64 * KiB)) $((64 * KiB + 512)) $((512 * MiB)) \
  $((512 * MiB + 512)) $((4 * TiB)) $((4 * TiB + 512)) $((2 * PiB)); do
  rm -f "$tmp/image"
  "$make_image" "$tmp/image" "$size"
  "$qemu_img" check -q -f qcow2 "$tmp/image" || fail "$size bytes: damaged"
  "$qemu_img" info -f qcow2 --output=json "$tmp/image" >"$tmp/info"
  same "virtual size" "$(sed -n 's/^ *"virtual-size": \([0-9]*\),/\1/p' "$tmp/info" |
    head -n 1)" "$size"
  [ "$size" -ge $((512 * MiB)) ] || continue
  qemu-io -f qcow2 -c "write -q -P 7 $((size - 65536)) 64k" \
    -c "read -q -P 7 $((size - 65536)) 64k" -c "read -q -P 0 0 64k" \
    "$tmp/image" >"$tmp/out" 2>&1
  same "$size bytes: what writing and reading said" "$(cat "$tmp/out")" ""
  "$qemu_img" check -q -f qcow2 "$tmp/image" ||
    fail "$size bytes: damaged by a write"
done

expect_failure "remove it if no backup uses it" "$make_image" "$tmp/image" 512
expect_failure "cannot format" "$make_image" "$tmp/large" $((PiB * 1024))
[ ! -e "$tmp/large" ] || fail "a file was left"
