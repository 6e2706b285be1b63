#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What one checkpoint shows, sizes included, and how its description is edited.

. "$srcdir/tests/checkpoints/functions.sh"

start_domain
same "printed" \
  "$(pullback checkpoint-create-as web monday 'a <description>' --print-xml \
     --diskspec vda,bitmap=first | xmllint --noblanks -)" \
  "$(printf '%s\n%s' '<?xml version="1.0"?>' "<domaincheckpoint><name>monday</name>\
<description>a &lt;description&gt;</description><disks><disk name=\"vda\" \
checkpoint=\"bitmap\" bitmap=\"first\"/></disks></domaincheckpoint>")"
same "nothing made" "$(names)" ""
refused "no guest agent" pullback checkpoint-create-as web monday --quiesce
refused "no guest agent" pullback checkpoint-create web --quiesce
refused "no disk can keep" \
  pullback checkpoint-create-as web monday --diskspec vda,checkpoint=no
pullback checkpoint-create-as web --name monday --description 'first of all' \
  --atomic >/dev/null
guest_write /machine/peripheral/vda/virtio-backend "write -P 1 0 64k"
guest_write /machine/peripheral/vda/virtio-backend "write -P 2 1M 130k"
guest_write /machine/peripheral/vdb/virtio-backend "write -P 3 0 1"

# Bytes, in units of the bitmaps' 64 KiB.
same "changes" "$(info monday Changes)" "320.0 KiB"
pullback checkpoint-create-as web tuesday --diskspec vdb >/dev/null
same "changes of a new one" "$(info tuesday Changes)" "0 B"
same "parent" "$(info tuesday Parent)" monday
same "children" "$(info monday Children)" 1
same "state" "$(info monday State)" usable
size ()
{
  pullback checkpoint-dumpxml web "$@" >"$tmp/dump.xml"
  xmllint --xpath "string(//disk[@name='$disk']/@size)" "$tmp/dump.xml"
}
disk=vda; same "size of vda" "$(size monday --size)" 262144
disk=vdb; same "size of vdb" "$(size monday --size)" 65536
disk=vdb; same "no size" "$(size monday)" ""
disk=vda; same "not covered" "$(size tuesday --size)" ""

pullback checkpoint-dumpxml web monday >"$tmp/plain.xml"
pullback checkpoint-dumpxml web monday --security-info | cmp "$tmp/plain.xml"
! grep -q generation "$tmp/plain.xml" || fail "a generation in libvirt's document"
same "domain" "$(xmllint --xpath 'string(//domain/name)' "$tmp/plain.xml")" web
pullback checkpoint-dumpxml web monday --no-domain >"$tmp/dump.xml"
same "no domain" "$(xmllint --xpath 'count(//domain)' "$tmp/dump.xml")" 0
pullback checkpoint-dumpxml web monday --generation >"$tmp/dump.xml"
same "generation" \
  "$(xmllint --xpath "string(//*[local-name()='generation'])" "$tmp/dump.xml")" \
  "$(info monday Generation)"
info monday Generation | grep -q -x -E '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' ||
  fail "not a UUID: $(info monday Generation)"
for xml in plain dump; do
  xmllint --noout --relaxng "$srcdir/docs/schemas/domaincheckpoint.rng" \
    "$tmp/$xml.xml" 2>"$tmp/xmllint.log" || fail "$(cat "$tmp/xmllint.log")"
done

# Edited: the description, and nothing else.
export VISUAL= EDITOR=
same "edited" "$(EDITOR='sed -i s/first/last/' pullback checkpoint-edit web monday)" \
  "Checkpoint monday edited."
same "description" "$(info monday Description)" "last of all"
same "generation" \
  "$(xmllint --xpath "string(//*[local-name()='generation'])" "$tmp/dump.xml")" \
  "$(info monday Generation)"
same "not edited" "$(VISUAL=true pullback checkpoint-edit web monday)" \
  "Checkpoint monday XML configuration not changed."
refused "the <name>" env EDITOR='sed -i s/monday/sunday/' \
  pullback checkpoint-edit web monday
refused "the <parent>" env EDITOR='sed -i /parent/,/parent/d' \
  pullback checkpoint-edit web tuesday
refused "the <creationTime>" env EDITOR='sed -i "s/Time>1/Time>2/"' \
  pullback checkpoint-edit web tuesday
refused "the <disks>" env EDITOR="sed -i s/.no./\\\"bitmap\\\"/"  \
  pullback checkpoint-edit web tuesday
refused "line" env EDITOR='sed -i s/domaincheckpoint/other/' \
  pullback checkpoint-edit web tuesday
refused "editor 'false' failed" env EDITOR=false pullback checkpoint-edit web tuesday
refused "does not exist" env EDITOR=true pullback checkpoint-edit web sunday
! ls "${TMPDIR:-/tmp}"/pullback-*/checkpoint.xml 2>/dev/null || fail "a draft is left"

# Without its QEMU all but the sizes is there, and what is not known says so.
quit_qemu
same "state" "$(info monday State | cut -d: -f1)" unknown
same "names" "$(pullback checkpoint-list web --name 2>"$tmp/warning" | wc -l)" 2
grep -q "not known which" "$tmp/warning" || fail "no warning: $(cat "$tmp/warning")"
expect_failure "sizes are not known" pullback checkpoint-dumpxml web monday --size
