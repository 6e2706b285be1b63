# SPDX-License-Identifier: BSD-3-Clause
# Cost as work grows, for the plots: maps of 10^3 to 10^7 extents, 1 to 64 disks,
# 1 to 64 domains.  A long row.

begin_row growth-map "map time as extents grow (1 TiB)"
is_full || { note "with BENCH=full"; exit 0; }
. "$srcdir/tests/bench/stage-map.sh"
. "$srcdir/tests/bench/stage-disks.sh"

whole_map () { nbdinfo "--map=$2" --totals "$1"; }
for exponent in 3 4 5 6 7; do
  serve_changed_image 1T $((10 ** exponent))
  for ((round = 0; round < runs; round++)); do
    start_nbdkit plugin pullback "socket=$tmp/server.sock"
    start_relay relay "$tmp/plugin.sock"
    timed whole_map "$(at relay vda)" pullback:since:monday
    record "map-1e$exponent" "$(in_unit "$took" s)" s
    record_memory "memory-relay-1e$exponent" "$relay_pid"
    record_memory "memory-plugin-1e$exponent" "$nbdkit_pid"
    end_now "$relay_pid"
    end_now "$nbdkit_pid"
  done
  end_now "$qemu_pid"
  rm -f "$tmp"/{monitor,qmp,server,making}.sock
done

begin_row growth-disks "begin as disks grow"
for disks in 1 2 4 8 16 32 64; do
  start_disks $disks
  for ((round = 0; round < runs; round++)); do
    timed pullback backup-begin web --checkpoint "c$round"
    record "disks-$disks" "$(in_unit "$took" ms)" ms
    timed pullback backup-end web
    timed pullback checkpoint-delete web "c$round"
  done
  stop_disks
done

begin_row growth-domains "begin of all domains at once"
start_domains 64
for domains in 1 2 4 8 16 32 64; do
  for ((round = 0; round < runs; round++)); do
    timed for_domains $domains backup-begin --checkpoint c
    record "domains-$domains" "$(in_unit "$took" ms)" ms
    timed for_domains $domains backup-end --abort
  done
done
