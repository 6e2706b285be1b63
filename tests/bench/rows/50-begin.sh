# SPDX-License-Identifier: BSD-3-Clause
# The beginning of a backup with a checkpoint until its data path is up, and its
# end, as the command does them: one disk, and 16.

. "$srcdir/tests/bench/stage-disks.sh"

# begin_and_end NAME: one of each, recorded unless it is for warming up.
begin_and_end ()
{
  local checkpoint=c$((++number))
  timed pullback backup-begin web --checkpoint "$checkpoint"
  began=$took
  pause=$(pullback backup-info web |
    sed -n 's/^Guest paused: *\([0-9.]*\) ms$/\1/p')
  timed pullback backup-end web
  ended=$took
  timed pullback checkpoint-delete web "$checkpoint"
  [ "$number" -gt 1 ] || return 0
  record "begin-$1" "$(in_unit "$began" ms)" ms
  record "end-$1" "$(in_unit "$ended" ms)" ms
  record "pause-$1" "${pause:-0}" ms
}

begin_row begin "begin with a checkpoint, and end"
for disks in 1 16; do
  start_disks "$disks"
  number=0
  for ((round = 0; round <= runs; round++)); do
    begin_and_end "$disks"
  done
  stop_disks
done
goal_below begin-1 60
goal_below begin-16 150
goal_below end-1 80
goal_below end-16 80
goal_below pause-1 10
goal_below pause-16 10
