#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A guest writes, zeroes and discards all its disks without pause, for one round
# after another, while torture.py does everything at once that Pullback can do
# with it, by chance, and proves each image that was pulled.
#   TORTURE_SECONDS    at least so long; one round takes a minute (default: one
#                      short round)
#   TORTURE_SEED       of all choices; else by chance
#   TORTURE_IOTHREADS  0 to 2, else by chance
#   TORTURE_DISKS      2 to 4, else by chance

. "$srcdir/tests/functions.sh"
. "$srcdir/tests/guest/guest.sh"
checker=$builddir/tests/oracle/checker
seconds=${TORTURE_SECONDS:-0}
seed=${TORTURE_SEED:-$((RANDOM * 32768 + RANDOM))}
names=(vda vdb vdc vdd)

progress () { guest_run 'cat /run/progress'; }
written_more_than () { [ "$(progress)" -gt "$1" ]; }

# The disks in their first state and a guest that writes to them.
start_guest ()
{
  local i device images=() args=()
  for ((i = 0; i < iothreads; i++)); do
    args+=(-object "iothread,id=io$i")
  done
  for disk in "${disks[@]}"; do
    images+=("$tmp/$disk.raw")
  done
  "$checker" state "$1" 0 "${images[@]}"
  for ((i = 0; i < ${#disks[@]}; i++)); do
    disk=${disks[i]}
    "$qemu_img" convert -O qcow2 "${images[i]}" "$tmp/$disk.qcow2"
    rm "${images[i]}"
    device=virtio-blk-pci,drive=$disk,id=$disk
    [ "$iothreads" -eq 0 ] || device+=,iothread=io$((i % iothreads))
    args+=(
      -blockdev "qcow2,node-name=$disk,discard=unmap,file.driver=file,file.discard=unmap,file.filename=$tmp/$disk.qcow2"
      -device "$device")
  done
  guest_start --program "$builddir/tests/oracle/writer" "${args[@]}"
  guest_run "writer $1 /run/progress ${disks[*]/#//dev/} 2>/run/writer.log &"
  wait_for 60 written_more_than 50
}

# one_round SEED SECONDS: a guest from its start to its end.
one_round ()
{
  RANDOM=$1 # what bash draws from here on is the seed's
  disks=("${names[@]:0:${TORTURE_DISKS:-$((2 + RANDOM % 3))}}")
  iothreads=${TORTURE_IOTHREADS:-$((RANDOM % 3))}
  echo "round of seed $1: disks ${disks[*]}, iothreads $iothreads"
  start_guest "$1"
  /usr/bin/python3 "$srcdir/tests/oracle/torture.py" --seed "$1" \
    --seconds "$2" --folder "$tmp" --checker "$checker" \
    --qemu-img "$qemu_img" --qemu-version "$qemu_version" \
    ${iothreads:+--iothreads $iothreads} -- "${disks[@]}" ||
    fail "seed $1"
  qemu_alive
  same "what the writer said" "$(guest_run 'cat /run/writer.log')" ""
  # shellcheck disable=SC2086
  end_process ${pids[-1]}
  unset 'pids[-1]'
  rm -f "$tmp"/*.sock "$tmp"/*.qcow2 "$tmp/guest.log"
}

qemu_version=$("$qemu" --version | sed -n 's/.*version \([0-9.]*\).*/\1/p')
echo "TORTURE_SEED=$seed, QEMU $qemu_version"
end=$((SECONDS + seconds))
round=60
[ "$seconds" -gt 0 ] || round=15
one_round "$seed" $round
while [ $SECONDS -lt $end ]; do
  seed=$((seed + 1))
  one_round "$seed" $round
done
