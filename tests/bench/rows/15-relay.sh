# SPDX-License-Identifier: BSD-3-Clause
# The relay alone: what it takes off nbdkit's throughput, and memory of idle clients.

start_nbdkit pattern pattern 2G
start_relay over-pattern "$tmp/pattern.sock"

nbdkit-alone () { nbdcopy "$(at pattern)" null:; }
relay-before-it () { nbdcopy "$(at over-pattern)" null:; }

begin_row relay "2 GiB of nbdkit's pattern to null:"
in_turns s nbdkit-alone relay-before-it
goal_faster relay-before-it nbdkit-alone 0.85

begin_row idle "memory with 1,000 idle connections"
for ((round = 0; round < runs; round++)); do
  start_nbdkit one -t 1 memory 1M
  rm -f "$tmp/idle.out"
  start_relay idle "$tmp/one.sock"
  /usr/bin/python3 "$srcdir/tests/bench/idle.py" "$(at idle)" 1000 \
    >"$tmp/idle.out" &
  clients=$!
  ends_with_test $clients
  wait_for 60 test -s "$tmp/idle.out"
  record_memory relay-idle "$relay_pid"
  kill $clients
  end_now "$relay_pid"
  end_now "$nbdkit_pid"
done
goal_below relay-idle 64
