#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A full push of two disks to new files, the guest writing meanwhile: both are
# of one instant, and the checkpoint is kept as soon as both have completed.

. "$srcdir/tests/push/functions.sh"

start_domain 3000000
for disk in vda vdb; do
  disk_write $disk 0x11 0 8M
  disk_write $disk 0x12 40M 3M
done
truth_at monday
pullback backup-begin web --push --checkpoint monday \
  --target "vda=$tmp/vda.full" --target "vdb=$tmp/vdb.full" >"$tmp/begin.out"
grep -q "all .*qcow2 .*$tmp/vda.full" "$tmp/begin.out" ||
  { cat "$tmp/begin.out"; fail "the target is not shown"; }
backup_is running || fail "it was over before the guest writes"
expect_failure "is still running, and ends by itself" pullback backup-end web
expect_failure "is running already" pullback backup-begin web
expect_failure "is running" pullback checkpoint-create-as web noon
same "checkpoints while it runs" "$(pullback checkpoint-list web --name)" ""
for n in 0 3 5 7; do
  disk_write vda 0x2$n ${n}M 64k
  disk_write vdb 0x3$n ${n}M 64k
  disk_write vda 0 4${n}M 64k
done
wait_state completed
same "checkpoints" "$(pullback checkpoint-list web --name)" monday
nothing_left
same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday monday"
for disk in vda vdb; do
  compare_raw "$tmp/$disk.full" "$tmp/$disk.monday"
  "$qemu_img" check -q "$tmp/$disk.full"
done

# It stays to be looked at until it is acknowledged, also in between.
pullback backup-info web --json >"$tmp/info.json"
/usr/bin/python3 - "$tmp/info.json" "$tmp" <<'END'
import json, sys
info, tmp = json.load(open(sys.argv[1])), sys.argv[2]
assert info["mode"] == "push", info
assert info["reason"] is None, info
assert info["progress"]["offset"] == info["progress"]["length"] > 0, info
for disk in info["disks"]:
    assert disk["mode"] == "full", disk
    assert disk["target"] == "%s/%s.full" % (tmp, disk["name"]), disk
    assert disk["progress"]["offset"] == disk["progress"]["length"], disk
assert "target file='%s/vda.full'" % tmp in info["xml"], info["xml"]
END
pullback checkpoint-create-as web noon >/dev/null
expect_failure "has completed already" pullback backup-end web --abort
pullback backup-end web >"$tmp/end.out"
grep -q "Domain checkpoint monday created" "$tmp/end.out"
expect_failure "no backup of domain 'web'" pullback backup-info web
same "checkpoints" "$(pullback checkpoint-list web --name | tr '\n' ' ')" \
  "monday noon "
grep -q "push backup of domain 'web' has completed; checkpoint 'monday'" \
  "$tmp/pullbackd.log" || fail "the log does not say it"

# A raw file.
pullback backup-begin web --push --format raw --target "vda=$tmp/vda.raw" >/dev/null
wait_state completed
cmp "$tmp/vda.raw" "$tmp/vda.truth"
same "size" "$(stat -c %s "$tmp/vda.raw")" $disk_size
qemu_alive
