#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# One QEMU under two names, each with a monitor of its own: a backup that cannot
# begin, since the other one has QEMU's NBD server, takes back nothing of it.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
disk_write vda 0x11 0 8M
cp "$tmp/vda.truth" "$tmp/vda.cut"
pullback domain-add other --qmp "$tmp/monitor.sock" >/dev/null

pullback backup-begin web --checkpoint monday >/dev/null
expect_failure "in use" pullback backup-begin other --checkpoint tuesday
qemu_alive
disk_write vda 0x22 1M 64k
read_from vda "$tmp/vda.pulled"
cmp "$tmp/vda.pulled" "$tmp/vda.cut"
pullback backup-end web >/dev/null
nothing_left
same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday monday"
