#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What has happened to bitmaps behind the daemon's back is found and said.

. "$srcdir/tests/checkpoints/functions.sh"

start_domain
pullback checkpoint-create-as web c1 >/dev/null
pullback checkpoint-create-as web c2 >/dev/null
pullback checkpoint-create-as web c3 --diskspec vdb >/dev/null
pullback checkpoint-list web >"$tmp/healthy"
! grep -q State "$tmp/healthy" || fail "a column of states: $(cat "$tmp/healthy")"

qmp block-dirty-bitmap-disable '{"node": "fmt-b", "name": "c1"}' >/dev/null
qmp block-dirty-bitmap-remove '{"node": "fmt-a", "name": "c2"}' >/dev/null
add_bitmap foreign
pullback checkpoint-list web >"$tmp/list"
grep -q "^ c1 .* broken: disk 'vdb': its bitmap is not recording$" "$tmp/list" ||
  fail "$(cat "$tmp/list")"
grep -q "^ c2 .* broken: disk 'vda': its bitmap is missing:" "$tmp/list" ||
  fail "$(cat "$tmp/list")"
grep -q "^ c3 .* usable$" "$tmp/list" || fail "$(cat "$tmp/list")"
pullback checkpoint-list web --name >/dev/null 2>"$tmp/warnings"
same "warnings" "$(grep -c "is broken" "$tmp/warnings")" 2
same "size" "$(info c2 Changes)" "not known"
pullback checkpoint-dumpxml web c2 --size >"$tmp/dump.xml"
same "size of vda" \
  "$(xmllint --xpath "count(//disk[@name='vda']/@size)" "$tmp/dump.xml")" 0
same "size of vdb" \
  "$(xmllint --xpath "count(//disk[@name='vdb']/@size)" "$tmp/dump.xml")" 1
pullback domain-info web --json | /usr/bin/python3 -c '
import json, sys
info = json.load(sys.stdin)
assert [b["name"] for b in info["broken"]] == ["c1", "c2"], info["broken"]
assert info["repaired"] == [], info["repaired"]
assert info["other_bitmaps"] == [
    {"disk": "vda", "bitmap": "foreign"},
    {"disk": "vdb", "bitmap": "foreign"}], info["other_bitmaps"]'
same "said in the log" "$(grep -c "checkpoint 'c2' is broken" "$tmp/pullbackd.log")" 1

# Right again is said, too; and a broken one can be deleted.
qmp block-dirty-bitmap-enable '{"node": "fmt-b", "name": "c1"}' >/dev/null
pullback checkpoint-delete web c2 >/dev/null
same "bitmaps" "$(bitmaps fmt-a) / $(bitmaps fmt-b)" "c1 foreign / c1 c3 foreign"
pullback checkpoint-list web | diff <(grep -v c2 "$tmp/healthy") -
grep -q "checkpoint 'c1' is not broken any more" "$tmp/pullbackd.log" ||
  fail "the log does not say that c1 is right again"

# QEMU is killed: bitmaps that were in the images are inconsistent, and those
# that were not yet are missing.
quit_qemu
start_disks
pullback checkpoint-create-as web c4 >/dev/null
kill -9 "$qemu_pid"
wait "$qemu_pid" 2>/dev/null || true
rm -f "$tmp"/{qmp,monitor}.sock
start_disks
info c3 State | grep -q "inconsistent" || fail "not said: $(info c3 State)"
info c4 State | grep -q "missing" || fail "not said: $(info c4 State)"
for name in c1 c3 c4; do
  pullback checkpoint-delete web $name >/dev/null
done
! grep "c[24].*not broken" "$tmp/pullbackd.log" || fail "deleted is not right again"
same "bitmaps" "$(bitmaps fmt-a) / $(bitmaps fmt-b)" "foreign / foreign"
qemu_alive
