# SPDX-License-Identifier: BSD-3-Clause
# Begin and end of many domains at once, by as many commands.

. "$srcdir/tests/bench/stage-disks.sh"
counts=(1 4 16)
! is_full || counts=(1 2 4 8 16 32 64)

begin_row growth-domains "begin and end of so many domains at once"
start_domains "${counts[-1]}"
for domains in "${counts[@]}"; do
  for ((round = 0; round < runs; round++)); do
    timed for_domains "$domains" backup-begin --checkpoint c
    record "begin:$domains" "$(in_unit "$took" ms)" ms
    timed for_domains "$domains" backup-end --abort
    record "end:$domains" "$(in_unit "$took" ms)" ms
  done
done
