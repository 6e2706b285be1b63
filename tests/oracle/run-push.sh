#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The oracle for pushes: QEMU writes a full backup and thin increments, each of the
# one before, while the guest goes on; each chain must be exactly what both disks
# held at the instant of its cut.
#   ORACLE_IOTHREADS, ORACLE_SEED   see functions.sh

. "$srcdir/tests/oracle/functions.sh"
echo "seed $seed, iothreads $iothreads, $("$qemu" --version | head -n 1)"

state ()
{
  pullback backup-info web --json |
    /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["state"])'
}
has_ended () { [ "$(state)" != running ]; }

# push NAME [BASE]: sets earliest and latest, between which the instant must be.
push ()
{
  earliest=$(progress)
  pullback backup-begin web --push --checkpoint "$1" ${2:+--incremental "$2"} \
    --target "vda=$tmp/$1-vda.qcow2" --target "vdb=$tmp/$1-vdb.qcow2"
  # One more can be complete and not be told yet.
  latest=$(($(progress) + 1))
  wait_for 120 has_ended
  same "the push's state" "$(state)" completed
  pullback backup-end web
}

# put_on BASE NAME DISK: the increment on the image of its base.
put_on ()
{
  "$qemu_img" rebase -u -b "$1-$3.qcow2" -F qcow2 "$2-$3.qcow2"
}
flatten () { "$qemu_img" convert -O raw "$1-$2.qcow2" "$1-$2.raw"; }

start_guest
pullback domain-add web --qmp "$tmp/qmp.sock"

push one
both flatten one
is_state one
base=one
for name in two three four; do
  wait_for 60 written_more_than $((latest + 200))
  push $name $base
  both put_on $base $name
  both flatten $name
  is_state $name
  base=$name
done

qemu_alive
pullback domain-remove web
writer_is_content
