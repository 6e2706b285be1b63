# SPDX-License-Identifier: BSD-3-Clause
# Begin and end as the disks of a domain become more.

. "$srcdir/tests/bench/stage-disks.sh"
counts=(1 4 16)
! is_full || counts=(1 2 4 8 16 32 64)

begin_row growth-disks "begin and end with so many disks"
for disks in "${counts[@]}"; do
  start_disks "$disks"
  for ((round = 0; round < runs; round++)); do
    timed pullback backup-begin web --checkpoint "c$round"
    record "begin:$disks" "$(in_unit "$took" ms)" ms
    timed pullback backup-end web
    record "end:$disks" "$(in_unit "$took" ms)" ms
    timed pullback checkpoint-delete web "c$round"
  done
  stop_disks
done
