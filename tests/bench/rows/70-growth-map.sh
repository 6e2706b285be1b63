# SPDX-License-Identifier: BSD-3-Clause
# A map at the relay, which knew nothing before, as changed extents become more.

. "$srcdir/tests/bench/stage-map.sh"
exponents=(3 4 5)
! is_full || exponents+=(6 7)

measure_map ()
{
  start_nbdkit plugin pullback "socket=$tmp/server.sock"
  start_relay relay "$tmp/plugin.sock"
  timed nbdinfo --map=pullback:since:monday --totals "$(at relay vda)"
  begin_row growth-map "map of so many extents in 1 TiB, cold"
  record "relay:$1" "$(in_unit "$took" s)" s
  begin_row growth-memory "memory with that map"
  record_memory "relay:$1" "$relay_pid"
  record_memory "plugin:$1" "$nbdkit_pid"
  end_now "$relay_pid"
  end_now "$nbdkit_pid"
}

for exponent in "${exponents[@]}"; do
  serve_changed_image 1T $((10 ** exponent))
  for ((round = 0; round < runs; round++)); do
    measure_map $((10 ** exponent))
  done
  end_now "$qemu_pid"
  rm -f "$tmp"/{monitor,qmp,server,making}.sock
done
