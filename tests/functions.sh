# SPDX-License-Identifier: BSD-3-Clause
# Shared by every shell test: a temporary folder, processes that end with the
# test, waiting for a condition, a QEMU without a guest and its monitor.

set -euo pipefail

: "${srcdir:?tests run through ./run or make check}" "${builddir:?}"
qemu=${QEMU:-qemu-system-x86_64}
qemu_img=${QEMU_IMG:-qemu-img}

# Short, because a Unix socket's path has 107 bytes.
tmp=$(mktemp -d /tmp/pullback-XXXXXX)
pids=()
# The daemon that the command starts, with all its files, is the test's own.
export PULLBACK_HOME=$tmp

# When the process began: with it a pid names one process, and not a later one
# of someone else's that has the number by then.
beginning_of ()
{
  local line
  line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The command's name, in parentheses, can hold spaces.
  set -- ${line##*) }
  # A zombie is gone.
  [ "$1" != Z ] && echo "${20}"
}

# is_still PID BEGINNING
is_still ()
{
  [ -n "$2" ] && [ "$(beginning_of "$1")" = "$2" ]
}

# end_process PID BEGINNING: by force where it does not end within five seconds.
end_process ()
{
  is_still "$@" && kill "$1" 2>/dev/null || return 0
  for _ in {1..100}; do
    is_still "$@" || return 0
    sleep 0.05
  done
  kill -9 "$1" 2>/dev/null || true
}

# cleanup [STATUS]: ends the processes that the test started, youngest first, and
# the folder.  A trap that does something before it gives the test's status.
cleanup ()
{
  local status=${1:-$?} file pid i
  trap - EXIT
  # Daemons that a CLI started in the background, below any PULLBACK_HOME.
  for file in "$tmp"/run/pullbackd.pid "$tmp"/*/run/pullbackd.pid; do
    pid=$(cat "$file" 2>/dev/null) || continue
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != pullbackd ] ||
      ends_with_test "$pid"
  done
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    # shellcheck disable=SC2086
    end_process ${pids[i]}
  done
  if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
    tail -v -n 100 "$tmp"/*.log "$PULLBACK_HOME"/run{,/*}/*.log 2>/dev/null || true
  fi
  rm -rf "$tmp"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# The process in $1 ends with the test.
ends_with_test ()
{
  pids+=("$1 $(beginning_of "$1" || true)")
}

fail ()
{
  echo "FAIL: $*" >&2
  exit 1
}

skip ()
{
  echo "SKIP: $*" >&2
  exit 77
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for ()
{
  local limit=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$limit" ] || fail "waited in vain for: $*"
    sleep 0.02
  done
}

# expect_failure TEXT COMMAND...: it fails and says the text (a basic regex).
expect_failure ()
{
  local text=$1
  shift
  if "$@" >"$tmp/expected.out" 2>&1; then
    cat "$tmp/expected.out"
    fail "succeeded, but should have failed with '$text': $*"
  fi
  grep -q -e "$text" "$tmp/expected.out" ||
    { cat "$tmp/expected.out"; fail "did not say '$text': $*"; }
}

# same WHAT GOT WANTED
same ()
{
  [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
}

# start_qemu ARGS...: a QEMU that runs no guest code (-S is the caller's to add),
# with its monitor for the test's own use on $tmp/monitor.sock and one for the
# program under test on $tmp/qmp.sock.  Sets qemu_pid.
start_qemu ()
{
  "$qemu" -nodefaults -display none -machine q35 -m 64 \
    -qmp "unix:$tmp/qmp.sock,server=on,wait=off" \
    -qmp "unix:$tmp/monitor.sock,server=on,wait=off" \
    "$@" >"$tmp/qemu.log" 2>&1 &
  qemu_pid=$!
  ends_with_test "$qemu_pid"
  wait_for 20 test -S "$tmp/monitor.sock"
}

# process_like PATTERN: the pid of a process with such a command line; nothing if
# there is none.  Never that of its child, which has the same command line, and a
# smaller pid where the numbers began anew.
process_like ()
{
  local found pid
  found=$(pgrep -f "$1") || return 0
  for pid in $found; do
    grep -qx "$(ps -o ppid= -p "$pid" | tr -d ' ')" <<<"$found" || echo "$pid"
  done | head -n 1
}

# As a number, 10001 for 10.1.
version_of_qemu ()
{
  local version
  version=$("$qemu" --version |
    sed -n 's/.*version \([0-9]*\)\.\([0-9]*\).*/\1 * 1000 + \2/p')
  echo $((version))
}

# qmp COMMAND [JSON-ARGUMENTS]: on the test's own monitor; prints what it
# returns as JSON, fails with QEMU's error.
qmp ()
{
  /usr/bin/python3 "$srcdir/tests/qmp.py" "$tmp/monitor.sock" "$@"
}

# guest_write QDEV "write -P 0x11 0 64k": as the guest does, through all filters.
# QMP returns success even where the write failed: read back what matters.
guest_write ()
{
  qmp human-monitor-command \
    "{\"command-line\": \"qemu-io -d $1 \\\"$2\\\"\"}" >/dev/null
}

# The guest's QEMU has not aborted.
qemu_alive ()
{
  kill -0 "$qemu_pid" 2>/dev/null || fail "QEMU is gone"
}

# start_pullbackd ARGS...: a daemon of the test's own, below $tmp/home.  Sets
# pullbackd_pid.  The CLI is asked with -c, since it would start another daemon
# where the one just started does not answer yet.
start_pullbackd ()
{
  export PULLBACK_HOME=$tmp/home
  pullbackd "$@" >>"$tmp/pullbackd.log" 2>&1 &
  pullbackd_pid=$!
  ends_with_test "$pullbackd_pid"
  wait_for 10 pullbackd_answers
}
pullbackd_answers ()
{
  pullback -c "unix://$PULLBACK_HOME/run/pullbackd.sock" domain-list \
    >/dev/null 2>&1
}

# start_proxy: a monitor at $tmp/proxy.sock with faults; see qmp-proxy.py.
start_proxy ()
{
  proxy_serial=0
  proxy pass
  /usr/bin/python3 "$srcdir/tests/qmp-proxy.py" "$tmp/proxy.sock" \
    "$tmp/qmp.sock" "$tmp/proxy.rule" "$tmp/proxy.commands" 2>"$tmp/proxy.log" &
  ends_with_test $!
  wait_for 10 test -S "$tmp/proxy.sock"
}

# proxy ACTION [WHICH]: from the next command on.
proxy ()
{
  proxy_serial=$((proxy_serial + 1))
  : >"$tmp/proxy.commands"
  echo "$1 ${2:-all} $proxy_serial" >"$tmp/proxy.rule.new"
  mv "$tmp/proxy.rule.new" "$tmp/proxy.rule"
}

# http METHOD PATH [BODY]: the daemon's answer, its status on a line before it.
http ()
{
  /usr/bin/python3 "$srcdir/tests/controller/request.py" \
    "$PULLBACK_HOME/run/pullbackd.sock" "$@"
}
