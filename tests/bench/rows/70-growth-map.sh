# SPDX-License-Identifier: BSD-3-Clause
# A map at the relay, which knew nothing before, and QEMU's own, as changes become
# more.  Between two of them something is clean, so that there are twice as many
# extents.  Grains of 32 KiB, of which 1 TiB has 33.5 million, have room for 10^7.

. "$srcdir/tests/bench/stage-map.sh"
exponents=(3 4 5)
! is_full || exponents+=(6 7)

whole_map () { timed nbdinfo "--map=$2" --totals "$1"; }

measure_map ()
{
  start_nbdkit plugin "${as_pullbackd[@]}" "socket=$tmp/server.sock"
  start_relay relay "$tmp/plugin.sock"
  begin_row growth-map "map of so many changes in 1 TiB, cold"
  whole_map "$(at relay vda)" pullback:since:monday
  record "relay:$1" "$(in_unit "$took" s)" s
  whole_map "$(at server vda)" qemu:dirty-bitmap:monday
  record "qemu:$1" "$(in_unit "$took" s)" s
  begin_row growth-memory "memory with that map"
  record_memory "relay:$1" "$relay_pid"
  record_memory "plugin:$1" "$nbdkit_pid"
  end_now "$relay_pid"
  end_now "$nbdkit_pid"
}

for exponent in "${exponents[@]}"; do
  changes=$((10 ** exponent))
  make_changed_image "$tmp/changed.qcow2" 1T $changes 32768
  serve_changed_image "$tmp/changed.qcow2" $changes 32768
  for ((round = 0; round < runs; round++)); do
    measure_map $changes
  done
  end_now "$qemu_pid"
  rm -f "$tmp"/{monitor,qmp,server}.sock "$tmp/changed.qcow2"
done
