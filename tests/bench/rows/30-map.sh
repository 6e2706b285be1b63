# SPDX-License-Identifier: BSD-3-Clause
# What changed in an image of 1 TiB with 400,000 changes: cold, by a second client,
# and at the relay by the contexts' names; and the memory that it takes.

. "$srcdir/tests/bench/stage-map.sh"

make_changed_image "$tmp/changed.qcow2" 1T 400000 65536
context=qemu:dirty-bitmap:backup-vda

whole_map () { nbdinfo "--map=$2" --totals "$1"; }
first_answer ()
{
  counted=$(/usr/bin/python3 "$srcdir/tests/bench/first-answer.py" "$@")
}
start_both ()
{
  start_nbdkit plugin pullback "socket=$tmp/server.sock"
  start_relay relay "$tmp/plugin.sock" \
    --context "export=vda,name=$context,view=vda@monday"
}
end_both ()
{
  end_now "$relay_pid"
  end_now "$nbdkit_pid"
}
# cold COMMAND...: of processes that know nothing yet.
cold ()
{
  start_both
  "$@"
  end_both
}

qemu-bitmap () { whole_map "$(at server vda)" qemu:dirty-bitmap:monday; }
view-cold () { cold count whole_map "$(at plugin vda@monday)" base:allocation; }
inplace-cold () { cold count whole_map "$(at plugin vda@monday/inplace)" base:allocation; }
relay-view-cold () { cold count whole_map "$(at relay vda@monday)" base:allocation; }
relay-context-cold () { cold count whole_map "$(at relay vda)" "$context"; }

cold_ones=(view-cold relay-view-cold relay-context-cold)
! is_full || cold_ones+=(inplace-cold)

begin_row map-cold "map of 400,000 changes in 1 TiB, cold"
take_room "$tmp/changed.qcow2" 400000
serve_changed_image "$tmp/changed.qcow2" 400000 65536
in_turns s qemu-bitmap "${cold_ones[@]}"
for contestant in "${cold_ones[@]}"; do
  goal_costs $contestant qemu-bitmap 2.00
done
# So long that it has no turn unmeasured.
for ((round = 0; round < runs; round++)); do
  timed whole_map "$(at server vda)" base:allocation
  record qemu-allocation "$(in_unit "$took" s)" s
done
goal_faster view-cold qemu-allocation 20
goal_faster relay-context-cold qemu-allocation 20

qemu-first () { first_answer "$(at server vda)" qemu:dirty-bitmap:monday; }
view-first () { cold first_answer "$(at plugin vda@monday)" base:allocation; }
relay-first () { cold first_answer "$(at relay vda)" "$context"; }

begin_row map-first "first answer of it, cold"
in_turns ms qemu-first view-first relay-first

start_both
qemu-bitmap-again () { qemu-bitmap; }
view-again () { whole_map "$(at plugin vda@monday)" base:allocation; }
relay-view-again () { whole_map "$(at relay vda@monday)" base:allocation; }
relay-context-again () { whole_map "$(at relay vda)" "$context"; }
relay-since-again () { whole_map "$(at relay vda)" pullback:since:monday; }

begin_row map-again "the same, for the second client"
in_turns s qemu-bitmap-again view-again relay-view-again relay-context-again \
  relay-since-again
goal_costs view-again qemu-bitmap-again 1.00
goal_costs relay-view-again qemu-bitmap-again 1.00
goal_costs relay-context-again qemu-bitmap-again 1.50
goal_costs relay-since-again qemu-bitmap-again 1.50
end_both

begin_row map-memory "memory of plugin and relay with that map"
for ((round = 0; round < runs; round++)); do
  start_both
  timed whole_map "$(at plugin vda@monday/inplace)" base:allocation
  timed whole_map "$(at relay vda)" "$context"
  record_memory nbdkit-and-plugin "$nbdkit_pid"
  record_memory relay-with-map "$relay_pid"
  end_both
done
goal_below nbdkit-and-plugin 32
goal_below relay-with-map 32
