#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Checkpoints by the CLI, against a real QEMU: made from options and files, shown
# in every way, deleted; the bitmaps that QEMU has are the truth.

. "$srcdir/tests/functions.sh"

# The names of a node's bitmaps, sorted, on one line.
bitmaps ()
{
  qmp query-named-block-nodes | /usr/bin/python3 -c '
import json, sys
for node in json.load(sys.stdin):
    if node["node-name"] == sys.argv[1]:
        print(*sorted(b["name"] for b in node.get("dirty-bitmaps", [])))' "$1"
}

for disk in a b; do
  "$qemu_img" create -q -f qcow2 "$tmp/$disk.qcow2" 64M
done
start_qemu \
  -blockdev "qcow2,node-name=fmt-a,file.driver=file,file.filename=$tmp/a.qcow2" \
  -device virtio-blk-pci,drive=fmt-a,id=vda \
  -blockdev "qcow2,node-name=fmt-b,file.driver=file,file.filename=$tmp/b.qcow2" \
  -device virtio-blk-pci,drive=fmt-b,id=vdb
start_pullbackd
pullback domain-add web --qmp "$tmp/qmp.sock" >/dev/null

same "no checkpoints" "$(pullback checkpoint-list web --name)" ""
expect_failure "no current checkpoint" pullback checkpoint-current web
expect_failure "checkpoint 'monday' of domain 'web' does not exist" \
  pullback checkpoint-info web monday
expect_failure "domain 'db' is not known" pullback checkpoint-list db

same "answer" \
  "$(pullback checkpoint-create-as web monday --description 'before <it> & all')" \
  "Domain checkpoint monday created"
same "bitmaps of vda" "$(bitmaps fmt-a)" monday
same "bitmaps of vdb" "$(bitmaps fmt-b)" monday

cat >"$tmp/tuesday.xml" <<XML
<domaincheckpoint>
  <name>tuesday</name>
  <disks>
    <disk name='vda' checkpoint='bitmap' bitmap='of-tuesday'/>
    <disk name='vdb' checkpoint='no'/>
  </disks>
</domaincheckpoint>
XML
same "answer" "$(pullback checkpoint-create web "$tmp/tuesday.xml")" \
  "Domain checkpoint tuesday created from '$tmp/tuesday.xml'"
pullback checkpoint-create-as web wednesday --diskspec vdb,checkpoint=bitmap \
  --diskspec vda,checkpoint=no >/dev/null
same "bitmaps of vda" "$(bitmaps fmt-a)" "monday of-tuesday"
same "bitmaps of vdb" "$(bitmaps fmt-b)" "monday wednesday"

same "names" "$(pullback checkpoint-list web --name | tr '\n' ' ')" \
  "monday tuesday wednesday "
same "tree" "$(pullback checkpoint-list web --tree)" \
  "$(printf 'monday\n  |\n  +- tuesday\n      |\n      +- wednesday\n        ')"
pullback checkpoint-list web --parent >"$tmp/list"
head -n 1 "$tmp/list" | grep -q '^ Name  *Creation Time  *Parent$' ||
  fail "heading: $(cat "$tmp/list")"
grep -q '^ tuesday  *20[0-9-]* [0-9:]* [+-][0-9]*  *monday$' "$tmp/list" ||
  fail "row: $(cat "$tmp/list")"
same "current" "$(pullback checkpoint-current web --name)" wednesday
pullback checkpoint-current web | cmp - \
  <(pullback checkpoint-dumpxml web wednesday)
same "parent" "$(pullback checkpoint-parent web wednesday)" tuesday
expect_failure "has no parent" pullback checkpoint-parent web monday

pullback checkpoint-info web monday >"$tmp/info"
for line in "Name: *monday" "Domain: *web" "Current: *no" "Parent: *-" \
            "Children: *1" "Descendants: *2" "Description: *before <it> & all"
do
  grep -q "^$line$" "$tmp/info" || fail "no '$line': $(cat "$tmp/info")"
done

# Its XML makes the same checkpoint again.
pullback checkpoint-dumpxml web monday >"$tmp/monday.xml"
xmllint --noout "$tmp/monday.xml"
same "description" "$(xmllint --xpath 'string(/domaincheckpoint/description)' \
  "$tmp/monday.xml")" "before <it> & all"

# A name is made from the time where none is given.
pullback checkpoint-create web --json >"$tmp/made"
made=$(sed -n 's/^{"name":"\([0-9]*\)"}$/\1/p' "$tmp/made")
[ -n "$made" ] || fail "no name from the time: $(cat "$tmp/made")"
pullback checkpoint-delete web "$made" >/dev/null

# Refused, and nothing is left of it.
expect_failure "exists" pullback checkpoint-create-as web monday
for name in "" . .hidden a/b a@b "$(printf 'a\tb')" "$(printf 'x%.0s' {1..129})"
do
  expect_failure "checkpoint\|control" pullback checkpoint-create-as web "$name"
done
expect_failure "vdz" pullback checkpoint-create-as web friday --diskspec vdz
echo "<domaincheckpoint><name>friday</name>" >"$tmp/bad.xml"
expect_failure "line" pullback checkpoint-create web "$tmp/bad.xml"
cat >"$tmp/bad.xml" <<XML
<!DOCTYPE domaincheckpoint [<!ENTITY secret SYSTEM "file://$tmp/monday.xml">]>
<domaincheckpoint><name>friday</name><description>&secret;</description></domaincheckpoint>
XML
expect_failure "DOCTYPE\|entit" pullback checkpoint-create web "$tmp/bad.xml"
same "bitmaps of vda" "$(bitmaps fmt-a)" "monday of-tuesday"
same "names" "$(pullback checkpoint-list web --name | tr '\n' ' ')" \
  "monday tuesday wednesday "

# The one in the middle goes; its child gets its parent.
same "answer" "$(pullback checkpoint-delete web tuesday)" \
  "Domain checkpoint tuesday deleted"
same "parent" "$(pullback checkpoint-parent web wednesday)" monday
same "bitmaps of vda" "$(bitmaps fmt-a)" monday
same "bitmaps of vdb" "$(bitmaps fmt-b)" "monday wednesday"
expect_failure "does not exist" pullback checkpoint-delete web tuesday
qemu_alive
