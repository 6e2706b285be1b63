#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Checkpoints that were made elsewhere come in by their documents.

. "$srcdir/tests/checkpoints/functions.sh"

start_domain
for name in c1 c2 c3; do
  add_bitmap $name
done

# A whole chain, from its root on, on a domain that never had them here.
refused "the parent 'c1' of checkpoint 'c2' does not exist" redefine <<<"$(document c2 c1)"
document c1 | redefine --redefine-validate >/dev/null
document c2 c1 | redefine --redefine-validate >/dev/null
same "answer" "$(document c3 c2 | redefine --redefine-validate)" \
  "Domain checkpoint c3 created from '$tmp/redefined.xml'"
same "chain" "$(pullback checkpoint-list web --tree | tr -d ' \n|+-')" c1c2c3
same "current" "$(pullback checkpoint-current web --name)" c3
same "state" "$(info c2 State)" usable
same "bitmaps" "$(bitmaps fmt-a)" "c1 c2 c3"
# The next one goes on where the chain ends, and its own XML goes in again.
pullback checkpoint-create-as web c4 'of this daemon' >/dev/null
same "parent" "$(pullback checkpoint-parent web c4)" c3
generation=$(info c4 Generation)
pullback checkpoint-dumpxml web c4 --size | sed 's/this/that/' |
  redefine --redefine-validate >/dev/null
same "description" "$(info c4 Description)" "of that daemon"
same "generation" "$(info c4 Generation)" "$generation"
pullback checkpoint-dumpxml web c4 --generation >"$tmp/c4.xml"
pullback checkpoint-delete web c4 --metadata >/dev/null
same "bitmaps" "$(bitmaps fmt-b)" "c1 c2 c3 c4"
redefine --redefine-validate <"$tmp/c4.xml" >/dev/null
same "generation" "$(info c4 Generation)" "$generation"

# Cycles, orphans, disks and bitmaps that are not the domain's.
refused "cycle" redefine <<<"$(document c1 c3)"
refused "its own parent" redefine <<<"$(document c1 c1)"
refused "parent 'c0'" redefine <<<"$(document c3 c0)"
refused "no disk 'vdx'" redefine <<<"$(document c5 c4 | sed s/vdb/vdx/)"
refused "covers other disks" redefine <<<"$(document c3 c2 | sed "s/'vdb' checkpoint='bitmap' bitmap='c3'/'vdb' checkpoint='no'/")"
refused "covers other disks" redefine <<<"$(document c3 c2 | sed "s/bitmap='c3'/bitmap='c9'/")"
refused "bitmap 'c3' on disk 'vda' is checkpoint 'c3's" redefine \
  <<<"$(document c5 c4 | sed "s/bitmap='c5'/bitmap='c3'/")"
refused "does not say which disks" redefine <<<"<domaincheckpoint><name>c5</name></domaincheckpoint>"
refused "name is empty" redefine \
  <<<"$(document c5 | sed 's|<name>c5</name>||')"
refused "requires --redefine" pullback checkpoint-create web --redefine-validate
refused "exclude each other" redefine --quiesce <<<"$(document c5)"

# Validated: each bitmap is there, records, and is consistent.
refused "disk 'vda': its bitmap is missing" redefine --redefine-validate <<<"$(document c5 c4)"
add_bitmap c5 true true
refused "not recording" redefine --redefine-validate <<<"$(document c5 c4)"
# Not validated it comes in, and says that it cannot be used.
document c5 c4 | redefine >/dev/null
same "state" "$(info c5 State)" \
  "broken: disk 'vda': its bitmap is not recording; disk 'vdb': its bitmap is not recording"
expect_failure "exists already" pullback checkpoint-create-as web c5
# A name of a bitmap that a broken checkpoint has lost is not free either.
qmp block-dirty-bitmap-remove '{"node": "fmt-a", "name": "c5"}' >/dev/null
refused "is checkpoint 'c5's" pullback checkpoint-create-as web c6 --diskspec vda,bitmap=c5

# A document of another domain, where both have a UUID.
quit_qemu
start_disks -uuid 6695eb01-f6a4-8304-79aa-97f2502e193f
add_bitmap c7
other='<uuid>93a5c045-6457-2c09-e56c-927cdf34e178</uuid>'
refused "UUID" redefine <<<"$(document c7 | sed "s|<memory>1</memory>|$other|")"
own='<uuid>6695EB01f6a4830479aa97f2502e193f</uuid>'
redefine --redefine-validate <<<"$(document c7 | sed "s|<memory>1</memory>|$own|")" >/dev/null
same "names" "$(names --roots 2>/dev/null)" "c1 c7"
qemu_alive
