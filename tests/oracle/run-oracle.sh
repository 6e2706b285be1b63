#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A guest writes and zeroes two disks without pause while three points in time are
# cut and pulled; each pulled pair of images must be exactly what both disks held
# at one instant, the one of the cut.
#   ORACLE_METHOD     transaction, filter or overlay; else Pullback chooses
#   ORACLE_IOTHREADS  0, 1 (both disks in it; the default) or 2
#   ORACLE_CHANGES_ONLY  yes: increments are pulled where only what changed is kept
#   ORACLE_SEED       of the schedule; else by chance

. "$srcdir/tests/functions.sh"
. "$srcdir/tests/guest/guest.sh"
checker=$builddir/tests/oracle/checker
seed=${ORACLE_SEED:-$((RANDOM * 32768 + RANDOM))}
method=${ORACLE_METHOD:+--method $ORACLE_METHOD}
iothreads=${ORACLE_IOTHREADS:-1}
changes_only=${ORACLE_CHANGES_ONLY:+--changes-only}
disks=(vda vdb)
cd "$tmp"
echo "seed $seed, iothreads $iothreads, ${ORACLE_METHOD:-the method that suits}," \
  "${changes_only:-all of both disks}," \
  "$("$qemu" --version | head -n 1)"

progress () { guest_run 'cat /run/progress'; }
written_more_than () { [ "$(progress)" -gt "$1" ]; }
uri () { echo "nbd+unix:///$1?socket=$tmp/run/web/nbd.sock"; }

# both COMMAND ARGS...: for both disks at the same time, each as the last
# argument.
both ()
{
  local disk children=() child status=0
  for disk in "${disks[@]}"; do
    "$@" "$disk" &
    children+=($!)
  done
  for child in "${children[@]}"; do
    wait "$child" || status=$?
  done
  return $status
}

start_guest ()
{
  local i disk device args=()
  for ((i = 0; i < iothreads; i++)); do
    args+=(-object "iothread,id=io$i")
  done
  "$checker" state "$seed" 0 vda.raw vdb.raw
  for i in 0 1; do
    disk=${disks[i]}
    "$qemu_img" convert -O qcow2 "$disk.raw" "$disk.qcow2"
    device=virtio-blk-pci,drive=$disk,id=$disk
    [ "$iothreads" -eq 0 ] || device+=,iothread=io$((i % iothreads))
    args+=(
      -blockdev "qcow2,node-name=$disk,discard=unmap,file.driver=file,file.filename=$tmp/$disk.qcow2"
      -device "$device")
  done
  guest_start --program "$builddir/tests/oracle/writer" "${args[@]}"
  guest_run "writer $seed /run/progress /dev/vda /dev/vdb 2>/run/writer.log &"
  wait_for 30 written_more_than 200
}

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

# is_state NAME: both raw images are the state of an instant of the cut.
is_state ()
{
  local found first last
  found=$("$checker" check "$seed" "$1-vda.raw" "$1-vdb.raw") ||
    fail "cut $1 (seed $seed): $found"
  read -r first last <<<"$found"
  [ "$last" -ge "$earliest" ] && [ "$first" -le "$latest" ] ||
    fail "cut $1 is write $first, not one from $earliest to $latest"
  echo "cut $1: exactly write $first ($earliest to $latest)"
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

finish ()
{
  pullback backup-end web
  qemu_alive
  wait_for 30 written_more_than "$(progress)"
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
same "what the writer said" "$(guest_run 'cat /run/writer.log')" ""
