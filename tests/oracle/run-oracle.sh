#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A guest writes and zeroes two disks without pause while three points in time are
# cut and pulled; each pulled pair of images must be exactly what both disks held
# at one instant, the one of the cut.
#   ORACLE_METHOD     transaction, filter or overlay; else Pullback chooses
#   ORACLE_CHANGES_ONLY  yes: increments are pulled where only what changed is kept
#   ORACLE_IOTHREADS, ORACLE_SEED   see functions.sh

. "$srcdir/tests/oracle/functions.sh"
method=${ORACLE_METHOD:+--method $ORACLE_METHOD}
changes_only=${ORACLE_CHANGES_ONLY:+--changes-only}
echo "seed $seed, iothreads $iothreads, ${ORACLE_METHOD:-the method that suits}," \
  "${changes_only:-all of both disks}," \
  "$("$qemu" --version | head -n 1)"

# cut NAME [BASE]: sets earliest and latest, between which the instant must be.
cut ()
{
  earliest=$(progress)
  # shellcheck disable=SC2086
  pullback backup-begin web --checkpoint "$1" ${2:+--incremental "$2" $changes_only} \
    $method
  # One more can be complete and not be told yet.
  latest=$(($(progress) + 1))
}

# The point in time as it is read at once, in large and in small requests.
read_full () { nbdcopy --request-size="$2" "$(uri "$3")" "$1-$3.raw"; }
read_qcow2 () { "$qemu_img" convert -O qcow2 "$(uri "$2")" "$1-$2.qcow2"; }
# The increment since BASE, upon the image of BASE.
read_increment ()
{
  "$qemu_img" convert -O qcow2 -B "$2-$3.qcow2" -F qcow2 "$(uri "$3@$2")" \
    "$1-$3.qcow2"
}
# A full image brought up to date.
read_in_place ()
{
  cp "$2-$3.qcow2" "$1-$3.inplace"
  nbdcopy -S 0 --destination-is-zero --request-size=65536 "$(uri "$3@$2/inplace")" -- \
    [ qemu-nbd -f qcow2 "$1-$3.inplace" ]
}
# All that can be read of it, after an increment was.
read_all ()
{
  if [ "$changes_only" ]; then
    "$qemu_img" convert -O raw "$1-$3.qcow2" "$1-$3.raw"
  else
    read_full "$@"
  fi
}
# Once more, to be the same.
read_again ()
{
  if [ "$changes_only" ]; then
    read_increment "$1" "$2" "$3"
    "$qemu_img" convert -O raw "$1-$3.qcow2" "$1-$3.raw"
  else
    read_full "$1" 65536 "$3"
  fi
}

# reads_same NAME FORMAT SUFFIX: another way of pulling gave the same bytes.
reads_same ()
{
  local disk
  for disk in "${disks[@]}"; do
    "$qemu_img" compare -q -f raw -F "$2" "$1-$disk.raw" "$1-$disk.$3" ||
      fail "cut $1: $disk.$3 is not the point in time"
  done
}

# reread NAME BASE: the point in time stands while the guest changes much of what
# it holds.
reread ()
{
  local disk
  wait_for 60 written_more_than $((latest + 1500))
  for disk in "${disks[@]}"; do
    mv "$1-$disk.raw" "$1-$disk.first"
  done
  both read_again "$1" "$2"
  reads_same "$1" raw first
}

start_guest
pullback domain-add web --qmp "$tmp/qmp.sock"

cut one
both read_full one 262144
is_state one
changes_only='' reread one none
both read_qcow2 one
reads_same one qcow2 qcow2
finish

cut two one
both read_increment two one
both read_all two 131072
is_state two
reads_same two qcow2 qcow2
reread two one
finish

# Any checkpoint that is kept is a base.
cut three two
both read_increment three two
both read_all three 33554432
is_state three
reads_same three qcow2 qcow2
both read_in_place three one
reads_same three qcow2 inplace
both read_increment three one
reads_same three qcow2 qcow2
reread three two
finish

pullback domain-remove web
writer_is_content
