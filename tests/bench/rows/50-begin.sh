# SPDX-License-Identifier: BSD-3-Clause
# The beginning of a backup with a checkpoint until its data path is up, and its
# end, as the command does them: one disk, and 16.  The guest runs, so that it
# would be paused where the method does that.

. "$srcdir/tests/bench/stage-disks.sh"

# begin_and_end NAME: one of each, recorded unless it is for warming up.
begin_and_end ()
{
  local checkpoint=c$((++number))
  timed pullback backup-begin web --checkpoint "$checkpoint"
  began=$took
  pullback backup-info web >"$tmp/info"
  cut=$(sed -n 's/^Taken in: *\([0-9.]*\) ms$/\1/p' "$tmp/info")
  pause=$(sed -n 's/^Guest paused: *\([0-9.]*\) ms$/\1/p' "$tmp/info")
  timed pullback backup-end web
  ended=$took
  timed pullback checkpoint-delete web "$checkpoint"
  [ "$number" -gt 1 ] || return 0
  record "begin-$1" "$(in_unit "$began" ms)" ms
  record "end-$1" "$(in_unit "$ended" ms)" ms
  record "cut-$1" "$cut" ms
  if [ -n "$pause" ]; then
    record "pause-$1" "$pause" ms
  else
    unpaused=$(sed -n 's/^Method: *//p' "$tmp/info")
  fi
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
[ -z "${unpaused:-}" ] || note "the guest is not paused by the method $unpaused"
goal_below begin-1 60
goal_below begin-16 150
goal_below end-1 80
goal_below end-16 80
goal_below pause-1 10
goal_below pause-16 10
