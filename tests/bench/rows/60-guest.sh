# SPDX-License-Identifier: BSD-3-Clause
# A guest's random writes while a backup stands, against none: of changes only, of
# everything, and by libvirt's method (which is Pullback's overlay).

version=$("$qemu" --version |
  sed -n 's/^QEMU emulator version \([0-9]*\)\.\([0-9]*\).*/\1 * 1000 + \2/p')
begin_row guest-64k "guest writes of 64 KiB, 8 in flight"
if [ $((version)) -lt 9001 ]; then
  note "not measured: QEMU keeps only what changed from 9.1 on; take another with QEMU="
  exit 0
fi
. "$srcdir/tests/guest/guest.sh"
# The guest's processor is emulated on a processor of the host, which other work
# slows down for seconds at a time: the long run has more turns than elsewhere.
seconds=1
if is_full; then
  seconds=3
  [ "$runs" -ge 9 ] || runs=9
fi

"$qemu_img" create -q -f qcow2 "$tmp/vda.qcow2" 1G
qemu-io -t unsafe -f qcow2 -c "write -q -P 1 0 1G" "$tmp/vda.qcow2" >/dev/null
guest_start --program "$builddir/tests/bench/bench-writer" \
  -name guest=bench,debug-threads=on \
  -blockdev "qcow2,node-name=vda,cache.no-flush=on,file.driver=file,file.filename=$tmp/vda.qcow2" \
  -device virtio-blk-pci,drive=vda,id=vda
start_pullbackd
pullback domain-add web --qmp "$tmp/qmp.sock" >/dev/null
pullback checkpoint-create-as web base >/dev/null

# As much changed since the base as a day may bring; what the writer before changed
# is of no matter any more.
change_since_base ()
{
  pullback checkpoint-delete web base >/dev/null
  pullback checkpoint-create-as web base >/dev/null
  guest_write /machine/peripheral/vda/virtio-backend "write -P 2 0 64M"
}

# Nanoseconds that QEMU has computed so far, but for the guest's own processor.
host_time ()
{
  local task total=0 time
  for task in "/proc/$qemu_pid/task/"*; do
    [[ $(cat "$task/comm" 2>/dev/null) != CPU* ]] || continue
    read -r time _ <"$task/schedstat" && total=$((total + time))
  done
  echo $total
}

# during CONTESTANT BYTES IN-FLIGHT [BEGIN-OPTIONS]...
during ()
{
  local contestant=$1 bytes=$2 in_flight=$3 rate before
  shift 3
  change_since_base
  [ $# -eq 0 ] || timed pullback backup-begin web --checkpoint now "$@"
  before=$(host_time)
  rate=$(guest_run "bench-writer /dev/vda $bytes $in_flight $seconds")
  if [ "$contestant" != warm-up ]; then
    record "$contestant" "$rate" /s
    # Of other work on the machine this depends less.
    line sample "$current_row-host" "$contestant" \
      "$(awk -v t=$(($(host_time) - before)) -v n=$((rate * seconds)) \
        'BEGIN { printf "%.1f", t / n / 1000 }')" us
  fi
  [ $# -eq 0 ] || timed pullback backup-end web --abort
}

# all_during BYTES IN-FLIGHT SUFFIX
all_during ()
{
  local round
  line row "$current_row-host" "QEMU's own processor time of each"
  during warm-up "$1" "$2"
  for ((round = 0; round < runs; round++)); do
    during "none-$3" "$1" "$2"
    during "changes-only-$3" "$1" "$2" --incremental base --changes-only
    during "everything-$3" "$1" "$2" --incremental base
    during "libvirt-$3" "$1" "$2" --incremental base --method overlay
  done
  goal_faster "changes-only-$3" "none-$3" 0.95
  goal_faster "everything-$3" "libvirt-$3" 1.30
}
all_during 65536 8 64k
begin_row guest-4k "guest writes of 4 KiB, 32 in flight"
all_during 4096 32 4k
