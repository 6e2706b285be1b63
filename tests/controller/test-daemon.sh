#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pullbackd starts, is alone in its run folder, replaces what a dead one left,
# and leaves nothing when it ends.

. "$srcdir/tests/functions.sh"

run=$tmp/home/run

mode ()
{
  stat -c %a "$1"
}

# ended PID: it is no more.
ended ()
{
  ! kill -0 "$1" 2>/dev/null
}

# stop_with SIGNAL: it ends with success, and socket and pid file are gone.
stop_with ()
{
  kill -s "$1" "$pullbackd_pid"
  wait "$pullbackd_pid" || fail "SIG$1 made it fail with status $?"
  [ ! -e "$run/pullbackd.sock" ] || fail "the socket is left after SIG$1"
  [ ! -e "$run/pullbackd.pid" ] || fail "the pid file is left after SIG$1"
}

# Private from the start, also where the umask or the folder's mode is lax.
umask 000
mkdir -p "$run"
chmod 755 "$run"
start_pullbackd
same "mode of the run folder" "$(mode "$run")" 700
same "mode of the state folder" "$(mode "$tmp/home/state")" 700
same "mode of the socket" "$(mode "$run/pullbackd.sock")" 600
same "mode of the pid file" "$(mode "$run/pullbackd.pid")" 600
same "pid" "$(cat "$run/pullbackd.pid")" "$pullbackd_pid"
umask 022

# A second one in the same folder ends at once and disturbs nothing.
status=0
pullbackd >"$tmp/second.log" 2>&1 || status=$?
same "status of a second daemon" "$status" 3
grep -q "another pullbackd (pid $pullbackd_pid) runs" "$tmp/second.log" ||
  fail "the second daemon did not name the first: $(cat "$tmp/second.log")"
same "pid after that" "$(cat "$run/pullbackd.pid")" "$pullbackd_pid"
pullback domain-list >/dev/null

# Another folder is another daemon's.
pullbackd --run-folder "$tmp/r2" --state-folder "$tmp/s2" 2>"$tmp/other.log" &
other=$!
ends_with_test "$other"
wait_for 10 pullback -c "unix://$tmp/r2/pullbackd.sock" domain-list \
  >/dev/null 2>&1
kill "$other"
wait "$other"

stop_with TERM
start_pullbackd
stop_with INT

# Killed: socket and pid file stay, and the next one takes them over.
start_pullbackd
kill -9 "$pullbackd_pid"
wait "$pullbackd_pid" 2>/dev/null || true
[ -S "$run/pullbackd.sock" ] || fail "no stale socket to test with"
start_pullbackd
same "pid after a crash" "$(cat "$run/pullbackd.pid")" "$pullbackd_pid"
stop_with TERM

# Ends by itself when nobody needs it, but not while someone is connected.
start_pullbackd --idle-exit 1
mkfifo "$tmp/hold"
/usr/bin/python3 -c '
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
print("connected", flush=True)
open(sys.argv[2]).read()' "$run/pullbackd.sock" "$tmp/hold" >"$tmp/held.out" &
holder=$!
ends_with_test "$holder"
wait_for 10 grep -q connected "$tmp/held.out"
# Twice the limit, during which it has to live: nothing to wait for but time.
sleep 2.5
! ended "$pullbackd_pid" || fail "it ended with a client connected"
: >"$tmp/hold"
wait "$holder"
wait_for 15 ended "$pullbackd_pid"
wait "$pullbackd_pid" || fail "the idle exit failed with status $?"
[ ! -e "$run/pullbackd.sock" ] || fail "the socket is left after the idle exit"

# What cannot work is said.
expect_failure "takes a number of seconds" pullbackd --idle-exit soon
expect_failure "is not an option" pullbackd something
expect_failure "lists the options" pullbackd --nonsense
long=$tmp/$(printf 'x%.0s' {1..110})
expect_failure "bytes, and a Unix socket's can have 107" \
  pullbackd --run-folder "$long" --state-folder "$tmp/s2"
: >"$tmp/file"
expect_failure "$tmp/file" pullbackd --run-folder "$tmp/file" \
  --state-folder "$tmp/s2"
ln -s "$tmp/s2" "$tmp/link"
expect_failure "is not a folder" pullbackd --run-folder "$tmp/link" \
  --state-folder "$tmp/s2"
if [ "$(id -u)" -ne 0 ]; then
  expect_failure "PULLBACK_HOME" env -u PULLBACK_HOME -u HOME \
    -u XDG_STATE_HOME XDG_RUNTIME_DIR="$tmp" pullbackd
fi
pullbackd --version | grep -q '^pullbackd [0-9]' || fail "--version"
