#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A backup that was given a time is ended when it is over, whatever its client
# does, also by the next daemon; without one a client may stall, leave and come
# back, and reads the same bytes.

. "$srcdir/tests/push/functions.sh"

start_domain
disk_write vda 0x11 0 8M
disk_write vdb 0x12 1M 2M
pullback checkpoint-create-as web monday >/dev/null
disk_write vda 0x13 4M 1M
truth_at now

# ends_with_reason CHECKPOINT: the backup that runs, by itself; nothing is left.
ends_with_reason ()
{
  wait_state failed
  pullback backup-info web | grep -q "^Reason: .*had run for the 2 seconds" ||
    fail "no reason: $(pullback backup-info web)"
  http GET "/v1/events?since=0" >"$tmp/events"
  grep -q "\"backup-failed\",\"data\":{\"mode\":\"[a-z]*\",\"checkpoint\":\"$1\",\"committed\":false,\"reason\":\"it had run for the 2 seconds" \
    "$tmp/events" || fail "no event: $(cat "$tmp/events")"
  nothing_left
  same "checkpoints" "$(pullback checkpoint-list web --name | tr '\n' ' ')" "monday "
  same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday monday"
  expect_failure "had broken and is void: it had run for" pullback backup-end web
  qemu_alive
}

# While a client reads and reads.
pullback backup-begin web --incremental monday --checkpoint late \
  --max-duration 2 >/dev/null
http GET /v1/domains/web/backup | grep -q '"seconds_left":[012]' || fail "no time"
( while nbdcopy "$(uri vda)" null: 2>/dev/null; do :; done ) &
reader=$!
ends_with_test "$reader"
ends_with_reason late
wait "$reader" || fail "the reader was not told"

# A push to a server that is too slow for it.
slow_server slow 1000000
pullback backup-begin web --push --checkpoint late2 --max-duration 2 \
  --target "vda=nbd+unix:///?socket=$tmp/slow.sock" >/dev/null
ends_with_reason late2

# The daemon dies; the next one knows how long it still has.
pullback backup-begin web --checkpoint late3 --max-duration 2 >/dev/null
kill -9 "$pullbackd_pid"
wait "$pullbackd_pid" 2>/dev/null || true
start_pullbackd
wait_state failed
nothing_left
same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday monday"
expect_failure "had broken and is void" pullback backup-end web

# One that was only prepared counts from its cut on, and is not ended by it.
pullback backup-begin web --prepare --max-duration 86400 --checkpoint kept >/dev/null
http GET /v1/domains/web/backup | grep -q '"waits":5' || fail "does not wait"
pullback backup-cut web >/dev/null
http GET /v1/domains/web/backup | grep -q '"seconds_left":8' || fail "no time"
pullback backup-end web >/dev/null

# Without a time: a client that stalls in the midst of an answer, one that goes,
# and one that comes back and reads on, all of the same point in time.
pullback backup-begin web --incremental monday >/dev/null
cat >"$tmp/stall.py" <<'PYTHON'
import nbd, socket, struct, sys, time
uri, path, truth = sys.argv[1:]
size = 64 * 1024 * 1024 + 512

def handshake():
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    peer.recv(18, socket.MSG_WAITALL)
    peer.sendall(struct.pack(">I", 3))
    name = b"vda"
    peer.sendall(b"IHAVEOPT" + struct.pack(">III", 7, len(name) + 6, len(name))
                 + name + struct.pack(">H", 0))
    while True:
        reply = peer.recv(20, socket.MSG_WAITALL)
        _, _, kind, length = struct.unpack(">QIII", reply)
        if length:
            peer.recv(length, socket.MSG_WAITALL)
        if kind == 1:
            return peer

# Asks for much and reads nothing of it.
stalled = handshake()
for i in range(16):
    stalled.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, i, i << 20, 1 << 20))
time.sleep(1)

# Goes in the midst of a copy and comes back to read on.
copy = b""
while len(copy) < 16 << 20:
    h = nbd.NBD()
    h.connect_uri(uri)
    for _ in range(3):
        copy += h.pread(1 << 20, len(copy))
    del h
with open(truth, "rb") as f:
    assert f.read(len(copy)) == copy, "read on, and got other bytes"

# The one that stalled reads now: no byte was lost or changed meanwhile.
answers = {}
for _ in range(16):
    magic, error, cookie = struct.unpack(">IIQ", stalled.recv(16, socket.MSG_WAITALL))
    assert magic == 0x67446698 and error == 0, (magic, error)
    answers[cookie] = stalled.recv(1 << 20, socket.MSG_WAITALL)
with open(truth, "rb") as f:
    for i in range(16):
        assert answers[i] == f.read(1 << 20), "stalled, and got other bytes"
PYTHON
# The guest goes on writing.
disk_write vda 0x14 0 16M
/usr/bin/python3 "$tmp/stall.py" "$(uri vda)" "$tmp/home/run/web/nbd.sock" \
  "$tmp/vda.now" || fail "a client that stalls"
pullback backup-end web >/dev/null
nothing_left
qemu_alive
