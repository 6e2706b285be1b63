#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The CLI starts a daemon in the background where the default one does not run,
# once, and only then.

. "$srcdir/tests/functions.sh"

# started HOME: the daemon below it, which ends with the test.
started ()
{
  started_pid=$(cat "$1/run/pullbackd.pid")
  ends_with_test "$started_pid"
  kill -0 "$started_pid"
}

export PULLBACK_HOME=$tmp/one

# Four at once: one daemon, four answers.
for i in {1..4}; do
  pullback domain-list --json >"$tmp/list.$i" 2>"$tmp/list.$i.log" &
  clients[i]=$!
done
for i in {1..4}; do
  wait "${clients[i]}" || { started "$tmp/one"; fail "client $i"; }
done
started "$tmp/one"
first=$started_pid
for i in {1..4}; do
  same "answer $i" "$(cat "$tmp/list.$i")" '{"domains":[]}'
done
same "daemons that served" \
  "$(grep -c serves "$tmp/one/state/pullbackd.log")" 1

# It has a session of its own, holds none of the caller's files open and ends
# by itself.
same "session" "$(ps -o sid= -p "$first" | tr -d ' ')" "$first"
tr '\0' ' ' <"/proc/$first/cmdline" | grep -q -- "--idle-exit 300" ||
  fail "it would never end"
for fd in /proc/"$first"/fd/*; do
  case $(readlink "$fd") in
  /dev/null|socket:*|anon_inode:*|*/pullbackd.log|*/pullbackd.pid|pipe:*) ;;
  *) fail "it has $(readlink "$fd") open" ;;
  esac
done

# It stays, and is used again.
pullback domain-list >/dev/null
same "pid" "$(cat "$tmp/one/run/pullbackd.pid")" "$first"

# Another home is another daemon, a relative one is below the working folder.
(cd "$tmp" && PULLBACK_HOME=two pullback domain-list >/dev/null)
started "$tmp/two"
[ "$started_pid" != "$first" ] || fail "two homes share a daemon"

# Killed: the next command starts a new one.
kill -9 "$first"
pullback domain-list >/dev/null
started "$tmp/one"

# A URI that is given is never started.
expect_failure "no daemon answers at unix://$tmp/three/run/pullbackd.sock" \
  pullback -c "unix://$tmp/three/run/pullbackd.sock" domain-list
expect_failure "no daemon answers" \
  env PULLBACK_URI="unix://$tmp/three/run/pullbackd.sock" pullback domain-list
[ ! -e "$tmp/three" ] || fail "something was made for a URI that was given"
PULLBACK_HOME=$tmp/three PULLBACK_URI=unix://$tmp/two/run/pullbackd.sock \
  pullback domain-list >/dev/null

# Help and usage errors need none.
PULLBACK_HOME=$tmp/three pullback help >/dev/null
PULLBACK_HOME=$tmp/three expect_failure "unknown verb" pullback nonsense
PULLBACK_HOME=$tmp/three \
  pullback checkpoint-create-as web monday --print-xml >/dev/null
[ ! -e "$tmp/three" ] || fail "a daemon was started without need"

# A daemon that cannot run: its own words, and where its log is.
mkdir -p "$tmp/four"
: >"$tmp/four/run"
PULLBACK_HOME=$tmp/four expect_failure "$tmp/four/run" pullback domain-list
grep -q "$tmp/four/state/pullbackd.log" "$tmp/expected.out" ||
  fail "the log is not named: $(cat "$tmp/expected.out")"

# Something else behind the default socket.
mkdir -p "$tmp/five/run"
/usr/bin/python3 -c '
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
while True:
    connection, _ = server.accept()
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno")
    connection.close()' "$tmp/five/run/pullbackd.sock" &
ends_with_test $!
wait_for 10 test -S "$tmp/five/run/pullbackd.sock"
PULLBACK_HOME=$tmp/five expect_failure "is not pullbackd" pullback domain-list
