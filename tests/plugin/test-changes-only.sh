#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# An export of which the server has only what its bitmaps tell: only views of it,
# whose maps are as ever, and of whose bytes only what changed can be read.

. "${srcdir:?}/tests/functions.sh"
. "$srcdir/tests/plugin/plugin.sh"

make_disk 1024 "$$"
serve_image "$tmp/disk.qcow2" bitmaps.0=monday,bitmaps.1=tuesday
start_plugin "socket=$tmp/server.sock" changes-only=other changes-only=vda

views=(vda@monday vda@monday/inplace vda@tuesday vda@tuesday/inplace)
same "the list of exports" \
  "$(nbdinfo --list "$(uri "")" | sed -n 's/^export="\(.*\)":$/\1/p' | xargs)" \
  "${views[*]}"
expect_failure "" nbdinfo "$(uri vda)"
grep -q "of export 'vda' there is only what changed; .* has 'vda@monday', 'vda@tuesday'" \
  "$tmp/nbdkit.log" || fail "$(cat "$tmp/nbdkit.log")"
expect_failure "" nbdinfo "$(uri "")"

for view in "${views[@]}"; do
  map "$(uri "$view")" >"$tmp/got.map"
  diff -u "$tmp/${view//\//-}.map" "$tmp/got.map" ||
    fail "seed $$: the map of $view (right) is not what was written (left)"
done

/usr/bin/python3 - "$tmp" <<'PYTHON'
import errno, random, sys, nbd
tmp = sys.argv[1]
truth = open(tmp + "/now.raw", "rb").read()
for view in "vda@monday", "vda@monday/inplace", "vda@tuesday":
    changed = bytearray()
    for line in open("%s/%s.map" % (tmp, view.replace("/", "-"))):
        offset, length, kind = map(int, line.split())
        clean = kind == (3 if view.endswith("/inplace") else 1)
        changed += bytes([not clean]) * (length // 512)
    h = nbd.NBD()
    h.set_export_name(view)
    h.connect_unix(tmp + "/plugin.sock")
    counts = [0, 0]
    data = [sector for sector, flag in enumerate(changed) if flag]
    for _ in range(400):
        offset = random.choice(data) if counts[1] < 100 else \
            random.randrange(len(changed))
        length = random.choice((1, 8, 128, 512))
        length = min(length, len(changed) - offset)
        want = all(changed[offset:offset + length])
        counts[want] += 1
        try:
            got = h.pread(512 * length, 512 * offset)
        except nbd.Error as error:
            assert error.errnum == errno.EPERM, error
            got = None
        assert (got is not None) == want, (view, offset, length)
        assert not want or got == truth[512 * offset:512 * (offset + length)]
    assert min(counts) > 20, counts
PYTHON

# A copy of everything from a view would lack what is clean, and fails.
expect_failure "Operation not permitted" nbdcopy --synchronous "$(uri vda@monday)" null:
grep -q "read what is data in the block status" "$tmp/nbdkit.log" ||
  fail "the log does not say what to do"
"$qemu_img" create -q -f qcow2 "$tmp/empty.qcow2" 64M
"$qemu_img" convert -f raw -O qcow2 -B "$tmp/empty.qcow2" -F qcow2 \
  "$(uri vda@monday)" "$tmp/increment.qcow2"
