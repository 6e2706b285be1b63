#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A bitmap that cannot be trusted is never used: that disk, and only that disk,
# is backed up in full, and the reason is said.

. "$srcdir/tests/end-to-end/functions.sh"

start_domain
disk_write vda 0x11 0 1M
disk_write vdb 0x11 0 1M
pullback backup-begin web --checkpoint monday >/dev/null
pullback backup-end web >/dev/null

# Somebody else stops the recording on one disk; a write is missed there.
qmp block-dirty-bitmap-disable '{"node": "fmt-b", "name": "monday"}' >/dev/null
disk_write vda 0x22 4M 64k
disk_write vdb 0x22 4M 64k

pullback backup-begin web --incremental monday --checkpoint tuesday >"$tmp/begin.out"
pullback backup-info web --json >"$tmp/info.json"
/usr/bin/python3 - "$tmp/info.json" <<'END'
import json, sys
disks = {disk["name"]: disk for disk in json.load(open(sys.argv[1]))["disks"]}
assert disks["vda"]["mode"] == "incremental", disks
assert disks["vda"]["bases"] == ["monday"], disks
assert disks["vdb"]["mode"] == "full", disks
assert disks["vdb"]["bases"] == [], disks
assert "record" in disks["vdb"]["fallback"], disks
END
same "changed on vda" \
  "$(changed_map qemu:dirty-bitmap:backup-vda vda)" "4194304 65536"
nbdinfo --list --json "nbd+unix://?socket=$tmp/home/run/web/nbd.sock" |
  grep -q '"export-name": "vda@monday"' || fail "vda@monday is not listed"
expect_failure "vdb@monday" nbdinfo --size "$(uri vdb@monday)"
read_from vdb "$tmp/vdb.full"
cmp "$tmp/vdb.full" "$tmp/vdb.truth"
pullback backup-end web >/dev/null

# The bitmap is gone altogether.
qmp block-dirty-bitmap-remove '{"node": "fmt-a", "name": "tuesday"}' >/dev/null
pullback backup-begin web --incremental tuesday >"$tmp/begin.out"
pullback backup-info web --json | grep -q "no increment since 'tuesday'" ||
  fail "the missing bitmap is not said"
pullback backup-end web >/dev/null
nothing_left
