#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The clients that people have: nbdinfo, nbdcopy, qemu-img, qemu-io and nbdsh,
# over a Unix socket and over TCP, on one running backup.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
disk_write vda 0x11 0 8M
pullback backup-begin web --checkpoint monday >/dev/null
pullback backup-end web >/dev/null
disk_write vda 0x22 1M 192k

port=$(/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
pullback backup-begin web --incremental monday --listen "tcp:localhost:$port" \
  >"$tmp/begin.out"
grep -q "nbd://localhost:$port/vda" "$tmp/begin.out" ||
  fail "the URI is not printed: $(cat "$tmp/begin.out")"
server=nbd://localhost:$port
cp "$tmp/vda.truth" "$tmp/vda.cut"
disk_write vda 0x33 0 1M

same "nbdinfo --size" "$(nbdinfo --size $server/vda)" $disk_size
nbdinfo --list $server >"$tmp/list"
for export in vda vdb vda@monday vda@monday/inplace vdb@monday; do
  grep -q "export=\"$export\":" "$tmp/list" || fail "$export is not listed"
done
nbdinfo --json $server/vda >"$tmp/json"
for context in base:allocation qemu:dirty-bitmap:backup-vda pullback:since:monday
do
  grep -q "\"$context\"" "$tmp/json" || fail "$context is not offered"
done
nbdinfo --can multi-conn $server/vda
nbdinfo --is read-only $server/vda

nbdcopy --connections=4 --threads=4 $server/vda "$tmp/copy"
cmp "$tmp/copy" "$tmp/vda.cut"
"$qemu_img" info $server/vda | grep -q "virtual size" || fail "qemu-img info"
"$qemu_img" compare -f raw -F raw $server/vda "$tmp/vda.cut" >/dev/null
"$qemu_img" convert -O raw $server/vda "$tmp/copy"
cmp "$tmp/copy" "$tmp/vda.cut"
# QEMU's client of a dirty bitmap sees it as allocation: dirty is a hole there.
"$qemu_img" map --output=json --image-opts \
  "driver=nbd,host=localhost,port=$port,export=vda,x-dirty-bitmap=qemu:dirty-bitmap:backup-vda" |
  /usr/bin/python3 -c '
import json, sys
dirty = [(e["start"], e["length"]) for e in json.load(sys.stdin) if not e["data"]]
assert dirty == [(1048576, 196608)], dirty'
qemu-io -r -f raw -c "read -P 0x22 1M 192k" -c "read -P 0x11 0 1M" $server/vda |
  tee "$tmp/io.out" >/dev/null
! grep -q "verification failed" "$tmp/io.out" || fail "qemu-io read other bytes"

/usr/bin/python3 - $server/vda "$tmp/vda.cut" <<'END'
import sys
import nbd
client = nbd.NBD()
client.add_meta_context("base:allocation")
client.add_meta_context("qemu:dirty-bitmap:backup-vda")
client.add_meta_context("pullback:since:monday")
client.connect_uri(sys.argv[1])
truth = open(sys.argv[2], "rb").read()
assert client.get_size() == len(truth)
# Many in flight, answered in any order.
buffers = []
for offset in range(0, 8 * 1024 * 1024, 100 * 512):
    length = min(100 * 512, len(truth) - offset)
    buffer = nbd.Buffer(length)
    buffers.append((offset, buffer, client.aio_pread(buffer, offset)))
for offset, buffer, cookie in buffers:
    while not client.aio_command_completed(cookie):
        client.poll(-1)
    assert buffer.to_bytearray() == truth[offset:offset + len(buffer)], offset
seen = {}
client.block_status(2 * 1024 * 1024, 0,
                    lambda context, offset, entries, error:
                    seen.__setitem__(context, list(entries)))
assert set(seen) == {"base:allocation", "qemu:dirty-bitmap:backup-vda",
                     "pullback:since:monday"}, seen
for context in ("qemu:dirty-bitmap:backup-vda", "pullback:since:monday"):
    assert seen[context][:4] == [1048576, 0, 196608, 1], seen
client.shutdown()
END
pullback backup-end web >/dev/null
nothing_left
qemu_alive
