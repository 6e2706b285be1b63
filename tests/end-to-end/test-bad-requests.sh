#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What cannot be begun says why and leaves nothing behind.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
disk_write vda 0x11 0 1M

expect_failure "no backup of domain 'web' is running" pullback backup-end web
expect_failure "no backup of domain 'web' is running" pullback backup-info web
expect_failure "checkpoint 'never' of domain 'web' does not exist" \
  pullback backup-begin web --incremental never
expect_failure "no disk 'vdz'" pullback backup-begin web --disk vdz
expect_failure "scratch files in the folder" \
  pullback backup-begin web --scratch "$tmp/not-there"
touch "$tmp/file"
expect_failure "a file that is not a socket" \
  pullback backup-begin web --listen "unix:$tmp/file"
expect_failure "in use" pullback backup-begin web --listen "unix:$tmp/monitor.sock"
expect_failure "loopback" pullback backup-begin web --listen tcp:0.0.0.0:10809

# A port in use.
/usr/bin/python3 - "$tmp/port" <<'END' &
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
open(sys.argv[1] + ".new", "w").write(str(s.getsockname()[1]))
import os; os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(60)
END
ends_with_test $!
wait_for 10 test -f "$tmp/port"
expect_failure "choose another port" \
  pullback backup-begin web --listen "tcp:127.0.0.1:$(cat "$tmp/port")"

# Somebody else has QEMU's only NBD server.
qmp nbd-server-start "{\"addr\": {\"type\": \"unix\",
  \"data\": {\"path\": \"$tmp/other.sock\"}}}" >/dev/null
expect_failure "NBD server" pullback backup-begin web --checkpoint monday
same "bitmaps" "$(bitmaps fmt-a)" ""
qmp nbd-server-stop >/dev/null
nothing_left

# A second backup while one runs, and changes that the first forbids.
pullback backup-begin web --checkpoint monday >/dev/null
expect_failure "is running already" pullback backup-begin web
expect_failure "is running" pullback checkpoint-create-as web noon
expect_failure "running backup" pullback domain-remove web
pullback backup-end web >/dev/null
expect_failure "exists already" pullback backup-begin web --checkpoint monday
expect_failure "exists already" pullback checkpoint-create-as web monday
nothing_left
for name in "" a/b a@b .a $'a\tb' "$(printf 'x%.0s' {1..129})"; do
  expect_failure "checkpoint" pullback checkpoint-create-as web "$name"
done
same "bitmaps" "$(bitmaps fmt-a)" monday
