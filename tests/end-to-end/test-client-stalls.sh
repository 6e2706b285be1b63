#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A client that asks for much and takes nothing, and one that leaves and comes
# back, read the same bytes in the end; meanwhile QEMU waits for neither, and all
# ends cleanly while one stalls.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
disk_write vda 0x11 0 8M
disk_write vda 0x13 4M 1M
cp "$tmp/vda.truth" "$tmp/vda.now"
pullback backup-begin web >/dev/null

cat >"$tmp/stall.py" <<'PYTHON'
import socket, struct, sys
path, truth = sys.argv[1:]

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

stalled = handshake()
for i in range(16):
    stalled.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, i, i << 20, 1 << 20))
# As soon as some of an answer has come, the rest is on its way or waits.
stalled.recv(1, socket.MSG_PEEK)
print("stalled", flush=True)
sys.stdin.readline()

# It reads now: no byte was lost or changed meanwhile.
answers = {}
for _ in range(16):
    magic, error, cookie = struct.unpack(">IIQ", stalled.recv(16, socket.MSG_WAITALL))
    assert magic == 0x67446698 and error == 0, (magic, error)
    answers[cookie] = stalled.recv(1 << 20, socket.MSG_WAITALL)
with open(truth, "rb") as f:
    for i in range(16):
        assert answers[i] == f.read(1 << 20), "stalled, and got other bytes"
PYTHON
cat >"$tmp/return.py" <<'PYTHON'
import nbd, sys
uri, truth = sys.argv[1:]
copy = b""
while len(copy) < 16 << 20:
    h = nbd.NBD()
    h.connect_uri(uri)
    for _ in range(3):
        copy += h.pread(1 << 20, len(copy))
    del h
with open(truth, "rb") as f:
    assert f.read(len(copy)) == copy, "read on, and got other bytes"
PYTHON

# stall SOCKET: until 'go_on'.  Not a coprocess, whose variables bash takes away when
# it learns late that the one before has ended.
stall ()
{
  rm -f "$tmp/stalled" "$tmp/go"
  mkfifo "$tmp/go"
  /usr/bin/python3 "$tmp/stall.py" "$1" "$tmp/vda.now" <"$tmp/go" \
    >"$tmp/stalled" 2>&1 &
  stalled=$!
  ends_with_test $stalled
  exec {go}>"$tmp/go"
  wait_for 20 test -s "$tmp/stalled"
  same "a client" "$(cat "$tmp/stalled")" stalled
}
go_on ()
{
  echo >&$go
  exec {go}>&-
  wait $stalled || fail "the client that stalled: $(cat "$tmp/stalled")"
}

# A transaction first waits for every request that QEMU works on, and the guest
# waits for the transaction.
qemu_waits_for_nobody ()
{
  disk_write vda 0x14 0 16M
  timeout 20 /usr/bin/python3 "$srcdir/tests/qmp.py" "$tmp/monitor.sock" \
    transaction '{"actions": [{"type": "block-dirty-bitmap-add",
      "data": {"node": "fmt-a", "name": "drained"}}]}' >/dev/null ||
    fail "QEMU waits for a client that stalls ($1)"
  qmp block-dirty-bitmap-remove '{"node": "fmt-a", "name": "drained"}' >/dev/null
  disk_write vda 0x15 1M 16M
}

for socket in nbd.sock plugin.sock; do
  stall "$tmp/home/run/web/$socket"
  qemu_waits_for_nobody "$socket"
  /usr/bin/python3 "$tmp/return.py" "$(uri vda)" "$tmp/vda.now" ||
    fail "a client that comes back"
  go_on
done

# One that never reads again does not keep the backup from ending.
stall "$tmp/home/run/web/nbd.sock"
qemu_waits_for_nobody "at the end"
pullback backup-end web >/dev/null
kill $stalled
wait $stalled 2>/dev/null || true
# The relay cut it off and took what nbdkit still had for it: nbdkit 1.32 aborts
# when it is left alone with several answers.
! grep "was killed by signal\|did not end when asked to" "$tmp/pullbackd.log" ||
  fail "the data path did not end cleanly"
same "what nbdkit said" "$(grep -c Assertion "$tmp/home/run/web/nbdkit.log")" 0
nothing_left
qemu_alive
