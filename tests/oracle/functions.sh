# SPDX-License-Identifier: BSD-3-Clause
# Shared by the oracles: the guest that writes and zeroes two disks without pause,
# and what decides whether a pair of images is what both held at one instant.
#   ORACLE_IOTHREADS  0, 1 (both disks in it; the default) or 2
#   ORACLE_SEED       of the schedule; else by chance

. "$srcdir/tests/functions.sh"
. "$srcdir/tests/guest/guest.sh"
checker=$builddir/tests/oracle/checker
seed=${ORACLE_SEED:-$((RANDOM * 32768 + RANDOM))}
iothreads=${ORACLE_IOTHREADS:-1}
disks=(vda vdb)
cd "$tmp"

uri () { echo "nbd+unix:///$1?socket=$tmp/run/web/nbd.sock"; }
progress () { guest_run 'cat /run/progress'; }
written_more_than () { [ "$(progress)" -gt "$1" ]; }

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

# The backup is ended, and QEMU and the guest live and write on.
finish ()
{
  pullback backup-end web
  qemu_alive
  wait_for 30 written_more_than "$(progress)"
}

# What the writer said: nothing, unless a write failed.
writer_is_content ()
{
  same "what the writer said" "$(guest_run 'cat /run/writer.log')" ""
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
