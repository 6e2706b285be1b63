# SPDX-License-Identifier: BSD-3-Clause
# For the rows of the benchmark, after tests/functions.sh: timing in turns, and the
# lines that a row leaves for the table (tab-separated, in $bench_lines):
#   row    ROW TITLE
#   sample ROW CONTESTANT VALUE UNIT
#   goal   ROW CONTESTANT faster|costs|below BASE FIGURE
#   note   ROW TEXT
# UNIT is s, ms or MiB, of which less is better, or /s, of which more is.

. "$srcdir/tests/functions.sh"

runs=${BENCH_RUNS:-5}
[ "$runs" -ge 5 ] || fail "BENCH_RUNS=$runs: a median here is one of five at least"
is_full () { [ "${BENCH:-short}" = full ]; }

line () { (IFS=$'\t'; printf '%s\n' "$*" >>"$bench_lines"); }

# begin_row ROW TITLE: what is recorded from here on belongs to it.
begin_row ()
{
  current_row=$1
  line row "$1" "$2"
  echo "  $2" >&2
}

# record CONTESTANT VALUE UNIT
record () { line sample "$current_row" "$@"; }

# Why something is not there.
note () { line note "$current_row" "$*"; echo "    $*" >&2; }

# Goals: of speed, at least FIGURE times that of BASE; of cost (time or memory), at
# most FIGURE times; or a median of at most FIGURE in its unit.
goal_faster () { line goal "$current_row" "$1" faster "$2" "$3"; }
goal_costs () { line goal "$current_row" "$1" costs "$2" "$3"; }
goal_below () { line goal "$current_row" "$1" below - "$2"; }

# timed COMMAND...: sets took, in microseconds.
timed ()
{
  local start=${EPOCHREALTIME/[.,]/}
  "$@" >"$tmp/timed.out" 2>&1 || { cat "$tmp/timed.out" >&2; fail "$*"; }
  took=$((${EPOCHREALTIME/[.,]/} - start))
}

# Microseconds as the unit wants them.
in_unit ()
{
  local divisor=1000000
  [ "$2" = s ] || divisor=1000
  awk -v v="$1" -v d=$divisor 'BEGIN { printf "%.6f", v / d }'
}

# in_turns UNIT CONTESTANT...: each is a function; they run one after the other,
# once unmeasured and then $runs times, so that what befalls the machine befalls
# all of them.  A function that prepares or tidies up sets 'counted' to what counts.
in_turns ()
{
  local unit=$1 contestant round
  shift
  for ((round = 0; round <= runs; round++)); do
    for contestant; do
      counted=
      timed "$contestant"
      [ $round -eq 0 ] ||
        record "$contestant" "$(in_unit "${counted:-$took}" "$unit")" "$unit"
    done
  done
}

# count COMMAND...: within a contestant, what counts.
count ()
{
  timed "$@"
  counted=$took
}

# record_memory CONTESTANT PID: all that is resident of it.
record_memory ()
{
  record "$1" "$(awk '/^VmRSS:/ { printf "%.1f", $2 / 1024 }' "/proc/$2/status")" \
    MiB
}

end_now ()
{
  end_process "$1" "$(beginning_of "$1")"
}

# serve_node NODE EXPORT [BITMAP]...: by QEMU on $tmp/server.sock.
serve_node ()
{
  local node=$1 name=$2 bitmaps
  shift 2
  bitmaps=$(printf '"%s",' "$@")
  [ $# -gt 0 ] || bitmaps=
  qmp nbd-server-start "{\"addr\": {\"type\": \"unix\",
    \"data\": {\"path\": \"$tmp/server.sock\"}}, \"max-connections\": 0}" >/dev/null
  qmp block-export-add "{\"type\": \"nbd\", \"id\": \"$name\",
    \"node-name\": \"$node\", \"name\": \"$name\",
    \"bitmaps\": [${bitmaps%,}]}" >/dev/null
}

# The plugin's threads and connections as the daemon has them.
as_pullbackd=(--threads=4 pullback connections=16)

# The contestants between QEMU and the client, each on a socket of its own.
start_nbdkit ()
{
  # start_nbdkit NAME ARGS...  Sets nbdkit_pid.
  local name=$1
  shift
  rm -f "$tmp/$name.sock"
  nbdkit -f -r -U "$tmp/$name.sock" "$@" 2>"$tmp/$name.log" &
  nbdkit_pid=$!
  ends_with_test "$nbdkit_pid"
  wait_for 20 test -S "$tmp/$name.sock"
}

start_relay ()
{
  # start_relay NAME UPSTREAM-SOCKET ARGS...  Sets relay_pid.
  local name=$1 upstream=$2
  shift 2
  rm -f "$tmp/$name.sock"
  pullback-relay --upstream "unix:$upstream" --listen "unix:$tmp/$name.sock" \
    "$@" 2>"$tmp/$name.log" &
  relay_pid=$!
  ends_with_test "$relay_pid"
  wait_for 20 test -S "$tmp/$name.sock"
}

# at SOCKET-NAME EXPORT: its URI.
at () { echo "nbd+unix:///${2:-}?socket=$tmp/$1.sock"; }

# make_data_image FILE: 8 GiB, of which 2 GiB are data.
make_data_image ()
{
  local i
  "$qemu_img" create -q -f qcow2 "$1" 8G
  for i in {0..7}; do
    echo "write -q -P $((i + 1)) ${i}G 256M"
  done | qemu-io -t unsafe -f qcow2 "$1" >/dev/null
}
