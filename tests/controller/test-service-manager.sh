#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A service manager is told when pullbackd serves and when it stops, by a socket with
# a path or an abstract one, and the unit says what systemd understands.

. "$srcdir/tests/functions.sh"

# manager SOCKET: writes what it is told to $tmp/told, a line each.
manager ()
{
  /usr/bin/python3 -u -c '
import socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1].replace("@", "\0"))
print("listens")
while True:
    print(manager.recv(100).decode())' "$1" >"$tmp/told" &
  ends_with_test $!
  wait_for 10 grep -q listens "$tmp/told"
}

for socket in "$tmp/notify" "@$tmp/notify"; do
  manager "$socket"
  export NOTIFY_SOCKET=$socket PULLBACK_HOME=$tmp/home
  pullbackd 2>>"$tmp/pullbackd.log" &
  daemon=$!
  ends_with_test $daemon
  unset NOTIFY_SOCKET
  wait_for 10 grep -q READY=1 "$tmp/told"
  # Ready is ready: who comes now is served.
  pullback -c "unix://$tmp/home/run/pullbackd.sock" domain-list >/dev/null
  same "told so far" "$(xargs <"$tmp/told")" "listens READY=1"
  kill "$daemon"
  wait "$daemon"
  wait_for 10 grep -q STOPPING=1 "$tmp/told"
done

# A manager that has gone is no reason to fail.
NOTIFY_SOCKET=$tmp/nobody pullbackd --idle-exit 1 2>"$tmp/nobody.log"
grep -q "cannot be told READY=1" "$tmp/nobody.log"

unit=$builddir/controller/daemon/pullbackd.service
grep -q '^ExecStart=/.*/pullbackd --replace$' "$unit"
if command -v systemd-analyze >/dev/null; then
  sed -e "s,^ExecStart=.*,ExecStart=/bin/true," -e '/^Documentation=/d' "$unit" \
    >"$tmp/pullbackd.service"
  systemd-analyze verify "$tmp/pullbackd.service" >"$tmp/verify.log" 2>&1
  [ ! -s "$tmp/verify.log" ] || fail "$(cat "$tmp/verify.log")"
fi
