#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The oracle with --reclaim, wherever a QEMU of the matrix can do it: what was read
# is reclaimed while the rest is read and the guest writes to all of it, and each
# pair of images must be exactly what both disks held at the instant of the cut.
#   ORACLE_IOTHREADS, ORACLE_SEED   see functions.sh

. "$srcdir/tests/oracle/functions.sh"
version=$(version_of_qemu)
[ "$version" -ge 9001 ] || skip "this version of QEMU cannot reclaim what was read"
[ "$version" -ge 10001 ] || iothreads=0
echo "seed $seed, iothreads $iothreads, $("$qemu" --version | head -n 1)"

# cut NAME OPTIONS...: sets earliest and latest, between which the instant must be.
cut ()
{
  local name=$1
  shift
  earliest=$(progress)
  pullback backup-begin web --checkpoint "$name" --reclaim "$@"
  # One more can be complete and not be told yet.
  latest=$(($(progress) + 1))
}

read_once ()
{
  /usr/bin/python3 "$srcdir/tests/oracle/read_once.py" "$(uri "$1")" "$2" "$seed"
}
read_full () { read_once "$2" "$1-$2.raw"; }
read_whole () { nbdcopy "$(uri "$2")" "$1-$2.raw"; }
read_converted () { "$qemu_img" convert -f raw -O raw "$(uri "$2")" "$1-$2.raw"; }
# The increment since BASE, upon the image of BASE; VIEW is @BASE or @BASE/inplace.
read_increment ()
{
  cp "$2-$4.raw" "$1-$4.raw"
  read_once "$4$3" "$1-$4.raw"
}

reclaimed ()
{
  nbdinfo --map "nbd+unix:///$1@/readable?socket=$tmp/run/web/plugin.sock" |
    grep -q ' 1 '
}

# Something was reclaimed, and the guest has written to it.
finish_reclaimed ()
{
  local disk
  for disk in "${disks[@]}"; do
    wait_for 20 reclaimed "$disk"
  done
  wait_for 60 written_more_than $((latest + 1000))
  finish
}

start_guest
pullback domain-add web --qmp "$tmp/qmp.sock"

cut one
both read_full one
is_state one
finish_reclaimed

cut two --incremental one
both read_increment two one @one/inplace
is_state two
finish_reclaimed

cut three --incremental two --changes-only
both read_increment three two @two
is_state three
finish_reclaimed

cut four
both read_whole four
is_state four
finish_reclaimed

cut five --changes-only
both read_increment five one @one/inplace
is_state five
finish_reclaimed

cut six
both read_converted six
is_state six
finish_reclaimed

pullback domain-remove web
writer_is_content
