#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk's name that means another image than at the checkpoint: it is noticed
# also where QEMU was given relative paths, odd ones, or URLs.

. "$srcdir/tests/checkpoints/functions.sh"

# start_images IMAGE IMAGE [...]: as vda and vdb, in this order.
start_images ()
{
  start_qemu -drive "if=virtio,format=qcow2,file=$1" \
    -drive "if=virtio,format=qcow2,file=$2"
  # Its socket is there before its disks are.
  qmp query-status >/dev/null
}

# told_apart IMAGE IMAGE: swapped, neither is the base that it is taken for.
told_apart ()
{
  start_images "$1" "$2"
  pullback domain-add web --qmp "$tmp/qmp.sock" >/dev/null
  pullback checkpoint-create-as web monday >/dev/null
  quit_qemu

  start_images "$1" "$2"
  same "as it was, $1" "$(info monday State)" usable
  quit_qemu

  start_images "$2" "$1"
  same "disks that are told to be others', $1" \
    "$(info monday State | grep -o "disk 'vd[ab]': the image on top is none" | wc -l)" 2
  pullback backup-begin web --incremental monday --json >"$tmp/begin"
  same "full backups, $1" \
    "$(grep -o '"fallback": *"no increment' "$tmp/begin" | wc -l)" 2
  pullback backup-end web >/dev/null
  pullback domain-remove web >/dev/null
  quit_qemu
}

start_pullbackd
cd "$tmp"
"$qemu_img" create -q -f qcow2 a.qcow2 64M
"$qemu_img" create -q -f qcow2 b.qcow2 64M
told_apart a.qcow2 b.qcow2

odd=$'\n line, \x01 and \xff'
"$qemu_img" create -q -f qcow2 "$tmp/a$odd" 64M
"$qemu_img" create -q -f qcow2 "$tmp/b$odd" 64M
# A comma is doubled on QEMU's command line.
told_apart "$tmp/a${odd/,/,,}" "$tmp/b${odd/,/,,}"

for disk in a b; do
  "$qemu_img" create -q -f qcow2 "$disk-served.qcow2" 64M
  truncate -s 16M "$disk-served.qcow2" # room for a bitmap
  qemu-nbd -t -f raw -x '' -k "$tmp/$disk.sock" "$disk-served.qcow2" &
  ends_with_test $!
done
wait_for 10 test -S a.sock
wait_for 10 test -S b.sock
told_apart "nbd+unix:///?socket=$tmp/a.sock" "nbd+unix:///?socket=$tmp/b.sock"

# Nor is a file made in the daemon's folder for an image that is in QEMU's.
start_images a.qcow2 b.qcow2
pullback domain-add web --qmp "$tmp/qmp.sock" >/dev/null
expect_failure "disk 'vda': QEMU was given 'a.qcow2', which is relative" \
  pullback backup-begin web --push
qemu_alive
