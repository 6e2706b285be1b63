#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pullbackd killed with -9 during a backup: the guest lives and clients read on;
# a new daemon takes down what is left, with the provisional checkpoint, and
# keeps the committed ones.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
disk_write vda 0x11 0 8M
pullback backup-begin web --checkpoint monday >/dev/null
pullback backup-end web >/dev/null
disk_write vda 0x22 1M 64k
cp "$tmp/vda.truth" "$tmp/vda.cut"

pullback backup-begin web --incremental monday --checkpoint tuesday >/dev/null
read_from vda "$tmp/vda.before"
kill -9 "$pullbackd_pid"
wait "$pullbackd_pid" || true
qemu_alive
disk_write vda 0x33 2M 64k
read_from vda "$tmp/vda.after"
cmp "$tmp/vda.before" "$tmp/vda.cut"
cmp "$tmp/vda.after" "$tmp/vda.cut"

start_pullbackd
pullback domain-info web >/dev/null
nothing_left
qemu_alive
same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday monday"
same "checkpoints" "$(pullback checkpoint-list web --name)" monday

# Monday still knows all that was written since.
pullback backup-begin web --incremental monday >/dev/null
changed_map qemu:dirty-bitmap:backup-vda vda >"$tmp/got"
printf '1048576 65536\n2097152 65536\n' >"$tmp/expected"
diff -u "$tmp/expected" "$tmp/got"
pullback backup-end web >/dev/null
nothing_left

# While what is left cannot be removed no backup takes the place of its journal.
pullback backup-begin web --checkpoint wednesday >/dev/null
kill -9 "$pullbackd_pid"
wait "$pullbackd_pid" || true
journal=$tmp/home/state/domains/web/job.json
mv "$journal" "$tmp/journal"
echo '{' >"$journal"
start_pullbackd
expect_failure "unfinished backup of domain 'web'" pullback domain-remove web
expect_failure "left cannot be removed.*is damaged" \
  pullback backup-begin web --checkpoint thursday
same "bitmaps" "$(bitmaps fmt-a)" "monday wednesday"
mv "$tmp/journal" "$journal"
pullback backup-begin web --checkpoint wednesday >/dev/null
pullback backup-end web --abort >/dev/null
nothing_left
same "bitmaps" "$(bitmaps fmt-a)" "monday"

# The daemon and QEMU both gone: what is left is files and processes only.
pullback backup-begin web --checkpoint wednesday >/dev/null
kill -9 "$pullbackd_pid" "$qemu_pid"
wait "$pullbackd_pid" "$qemu_pid" || true
start_pullbackd
pullback domain-list >/dev/null
! pgrep -f "$tmp/home/run/web" || fail "a process of the data path is left"
! find "$tmp/home" -name '*.scratch' | grep . || fail "a scratch file is left"
pullback domain-remove web >/dev/null
same "domains" "$(pullback domain-list --json)" '{"domains":[]}'
