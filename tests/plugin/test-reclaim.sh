#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# reclaim=: what a client trims, in whole clusters, is discarded from the server
# and never read again, by this process or the next; nothing can be written, and a
# read that races a trim gets the right bytes or none.

. "${srcdir:?}/tests/functions.sh"
. "$srcdir/tests/plugin/plugin.sh"

clusters=256
size=$((clusters * 65536 + 4096))
/usr/bin/python3 - "$tmp/truth.raw" $size <<'PYTHON'
import sys
with open(sys.argv[1], "wb") as f:
    for sector in range(int(sys.argv[2]) // 512):
        f.write(b"%-512d" % sector)
PYTHON
serve ()
{
  cp "$tmp/truth.raw" "$tmp/disk.raw"
  start_storage_daemon \
    --blockdev "file,node-name=disk,filename=$tmp/disk.raw,discard=unmap" \
    --export "nbd,id=vda,node-name=disk,name=vda,writable=on"
}
ask () { /usr/bin/python3 "$tmp/ask.py" "$@"; }
cat >"$tmp/ask.py" <<'PYTHON'
import errno, sys, nbd
tmp, export = sys.argv[1:3]
truth = open(tmp + "/truth.raw", "rb").read()
h = nbd.NBD()
h.set_strict_mode(0)
h.add_meta_context("base:allocation")
h.set_export_name(export)
h.connect_unix(tmp + "/plugin.sock")
size = h.get_size()
def fails(call, *args):
    try:
        call(*args)
    except nbd.Error as error:
        return error.errnum
    return 0
def reads(offset, length):
    assert h.pread(length, offset) == truth[offset:offset + length], offset
def refuses(offset, length):
    error = fails(h.pread, length, offset)
    assert error == errno.EPERM, (offset, length, error)
def extents():
    found = []
    def take(context, offset, entries, error):
        found.extend(entries)
    h.block_status(size, 0, take)
    return found
exec(sys.stdin.read())
PYTHON

# Without it everything is read-only, as ever.
serve
start_plugin "socket=$tmp/server.sock"
ask "$tmp" vda <<'PYTHON'
assert h.is_read_only() and not h.can_trim()
assert fails(h.trim, 65536, 0) == errno.EPERM
reads(0, 65536)
PYTHON
stop_plugin

expect_failure "No such file or directory" \
  timeout 20 nbdkit -f -U - pullback "socket=$tmp/server.sock" reclaim=/nonexistent/folder \
  --run 'nbdinfo "$uri"'

start_plugin "socket=$tmp/server.sock" "reclaim=$tmp"
ask "$tmp" vda <<'PYTHON'
assert not h.is_read_only() and h.can_trim() and h.can_multi_conn()
assert fails(h.pwrite, b"x" * 512, 0) == errno.EPERM
assert fails(h.zero, 65536, 0) in (errno.EPERM, errno.ENOTSUP)
# Whole clusters alone: the first one of these is not, nor the last.
h.trim(3 * 65536, 65536 - 512)
reads(0, 65536)
refuses(65536, 512)
refuses(0, 65536 + 1)
refuses(2 * 65536 + 4096, 131072)
reads(3 * 65536, 65536)
h.trim(65535, 5 * 65536)
reads(5 * 65536, 65536)
# The end of the export is not one either.
h.trim(65536 + 4096, size - 65536 - 4096)
refuses(size - 65536 - 4096, 512)
reads(size - 4096, 4096)
# The main view tells nothing of it; the other one tells all.
assert extents() == [size, 0], extents()
PYTHON
ask "$tmp" vda@/readable <<'PYTHON'
expected = [65536, 0, 131072, 1, 252 * 65536, 0, 65536, 1, 4096, 0]
assert extents() == expected, extents()
refuses(65536, 512)
reads(0, 512)
PYTHON
same "complaints" "$(grep -c "was already read once and reclaimed" "$tmp/nbdkit.log")" 1
! nbdinfo --list "$(uri "")" | grep -q readable || fail "it is listed"
cmp <(head -c 131072 "$tmp/disk.raw" | tail -c 65536) <(head -c 65536 /dev/zero) ||
  fail "the server was not asked to discard"

# The next process knows, and asks the server for nothing of it.
kill -9 "$plugin_pid"
wait_for 20 not kill -0 "$plugin_pid"
start_plugin "socket=$tmp/server.sock" "reclaim=$tmp"
ask "$tmp" vda <<'PYTHON'
refuses(65536, 512)
reads(3 * 65536, 65536)
assert extents() == [size, 0], extents()
PYTHON

# Not a disk of another size.
stop_plugin
stop_storage_daemon
size=$((size + 64 * 1048576))
truncate -s $size "$tmp/truth.raw"
serve
start_plugin "socket=$tmp/server.sock" 2>/dev/null
stop_plugin
expect_failure "of an export of another size" \
  timeout 20 nbdkit -f -U - pullback "socket=$tmp/server.sock" "reclaim=$tmp" \
  --run 'nbdinfo "$uri"'
rm "$tmp/vda.reclaimed"

# Reads and trims at the same time, from many connections.
start_plugin "socket=$tmp/server.sock" "reclaim=$tmp"
/usr/bin/python3 - "$tmp" <<'PYTHON'
import errno, random, sys, threading, nbd
tmp = sys.argv[1]
truth = open(tmp + "/truth.raw", "rb").read()
clusters = 256
counts = [0, 0]
wrong = []
def connect():
    h = nbd.NBD()
    h.set_export_name("vda")
    h.connect_unix(tmp + "/plugin.sock")
    return h
done = threading.Event()
def read():
    h = connect()
    while not done.is_set():
        offset = random.randrange(clusters * 128 - 512) * 512
        try:
            if h.pread(262144, offset) != truth[offset:offset + 262144]:
                wrong.append(offset)
            counts[0] += 1
        except nbd.Error as error:
            if error.errnum != errno.EPERM:
                wrong.append(error)
            counts[1] += 1
def trim():
    h = connect()
    for cluster in random.sample(range(clusters), clusters // 2):
        h.trim(65536 * random.choice((1, 1, 1, 4)), cluster * 65536)
readers = [threading.Thread(target=read) for _ in range(4)]
trimmer = threading.Thread(target=trim)
for thread in readers:
    thread.start()
while counts[0] < 200:
    pass
trimmer.start()
trimmer.join()
while counts[1] < 200:
    pass
done.set()
for thread in readers:
    thread.join()
assert not wrong, wrong[:5]
PYTHON
