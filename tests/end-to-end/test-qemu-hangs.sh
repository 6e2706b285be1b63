#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A QEMU that does not answer when a backup is to be ended, as on storage that
# hangs: the data path keeps its connections, since QEMU 7.2 aborts where a
# client closes first, and the backup can be ended when QEMU answers again.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
disk_write vda 0x11 0 8M
pullback backup-begin web --checkpoint monday >/dev/null
read_from vda "$tmp/vda.pulled"
cmp "$tmp/vda.pulled" "$tmp/vda.truth"
kill -STOP "$qemu_pid"
expect_failure "cannot be ended yet" pullback backup-end web --abort
pgrep -f "nbdkit.*$tmp/home/run/web" >/dev/null || fail "the data path is gone"
expect_failure "a backup of domain 'web' is running" pullback backup-begin web
kill -CONT "$qemu_pid"
expect_failure "is void" pullback backup-end web
nothing_left
qemu_alive
same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" " "
