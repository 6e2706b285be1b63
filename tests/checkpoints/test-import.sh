#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Bitmaps in the images become checkpoints, if they can be used.

. "$srcdir/tests/checkpoints/functions.sh"

# An image that another program has used, offline: two bitmaps as libvirt makes
# them, and one that was not ended properly.
for disk in a b; do
  "$qemu_img" create -q -f qcow2 "$tmp/$disk.qcow2" 64M
  for name in old middle; do
    "$qemu_img" bitmap --add "$tmp/$disk.qcow2" $name
    qemu-io -c "write -P 1 ${#name}M 1M" "$tmp/$disk.qcow2" >/dev/null
  done
done
start_disks
add_bitmap new
add_bitmap passing false
add_bitmap asleep true true
add_bitmap 'a@b'
qmp block-dirty-bitmap-add '{"node": "fmt-b", "name": "only-b", "persistent": true}' >/dev/null
guest_write /machine/peripheral/vda/virtio-backend "write -P 2 32M 64k"
start_pullbackd
pullback domain-add web --qmp "$tmp/qmp.sock" >/dev/null
pullback checkpoint-create-as web known >/dev/null

pullback checkpoint-import web --dry-run >"$tmp/import"
same "nothing imported" "$(names)" known
refused "'asleep' cannot be imported: disk 'vda': its bitmap is not recording" \
  pullback checkpoint-import web --checkpoint old --checkpoint asleep
refused "no disk of the domain has a bitmap 'known'" \
  pullback checkpoint-import web --checkpoint known
pullback checkpoint-import web >"$tmp/import"
cat >"$tmp/expected" <<END
Domain checkpoint old imported
Domain checkpoint middle imported
Domain checkpoint new imported
Domain checkpoint only-b imported
END
grep imported "$tmp/import" | grep -v "not imported" | diff "$tmp/expected" -
grep -q "Bitmap passing not imported: disk 'vda': it is not persistent" "$tmp/import" ||
  fail "$(cat "$tmp/import")"
grep -q "Bitmap asleep not imported: disk 'vda': its bitmap is not recording" "$tmp/import" ||
  fail "$(cat "$tmp/import")"
grep -q "Bitmap a@b not imported: disk 'vda': checkpoint name" "$tmp/import" ||
  fail "$(cat "$tmp/import")"
same "chain" "$(names --from old --descendants --topological)" "middle new only-b"
same "roots" "$(names --roots)" "known old"
same "current" "$(pullback checkpoint-current web --name)" known
same "created" "$(info old Created)" -
same "state" "$(info old State)" usable
same "changes" "$(info old Changes)" "4.1 MiB"
same "changes" "$(info middle Changes)" "2.1 MiB"
pullback checkpoint-dumpxml web only-b >"$tmp/dump.xml"
same "disks" "$(xmllint --xpath "string(//disk[@checkpoint='bitmap']/@name)" "$tmp/dump.xml")" vdb
# A bitmap on one disk that is another checkpoint's there is not taken from it.
pullback checkpoint-create-as web named --diskspec vda,bitmap=shared >/dev/null
qmp block-dirty-bitmap-add \
  '{"node": "fmt-b", "name": "shared", "persistent": true}' >/dev/null
same "shared" "$(pullback checkpoint-import web --checkpoint shared | grep -v "not imp")" \
  "Domain checkpoint shared imported"
pullback checkpoint-dumpxml web shared >"$tmp/dump.xml"
same "disks" "$(xmllint --xpath "string(//disk[@checkpoint='bitmap']/@name)" "$tmp/dump.xml")" vdb
pullback checkpoint-delete web shared >/dev/null
pullback checkpoint-delete web named >/dev/null
same "again" "$(pullback checkpoint-import web | grep -v "not imported")" ""

# A Pullback that has lost its state: the same bitmaps, now with a current one.
kill_pullbackd
rm -r "$PULLBACK_HOME/state"
start_pullbackd
pullback domain-add web --qmp "$tmp/qmp.sock" >/dev/null
pullback checkpoint-import web --checkpoint middle --checkpoint old >/dev/null
same "names" "$(names --topological)" "old middle"
same "current" "$(pullback checkpoint-current web --name)" middle
pullback checkpoint-create-as web next >/dev/null
same "parent" "$(pullback checkpoint-parent web next)" middle

# Inconsistent on one disk is not imported on any.
quit_qemu
start_disks
kill -9 "$qemu_pid"
wait "$qemu_pid" 2>/dev/null || true
rm -f "$tmp"/{qmp,monitor}.sock
start_disks
refused "'new' cannot be imported: disk 'vda': its bitmap is inconsistent" \
  pullback checkpoint-import web --checkpoint new
qemu_alive
