#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Deleting one, its descendants or only the metadata; what QEMU refuses changes
# nothing, and a deletion that could be done in part only is finished later.

. "$srcdir/tests/checkpoints/functions.sh"

start_domain
for name in c1 c2 c3 c4 c5; do
  pullback checkpoint-create-as web $name >/dev/null
done

same "children" "$(pullback checkpoint-delete web c4 --children)" \
  "Domain checkpoint c4 deleted"
same "names" "$(names)" "c1 c2 c3"
same "bitmaps" "$(bitmaps fmt-a) / $(bitmaps fmt-b)" "c1 c2 c3 / c1 c2 c3"
same "current" "$(pullback checkpoint-current web --name)" c3
same "children only" "$(pullback checkpoint-delete web c2 --children-only)" \
  "Domain checkpoint c2 children deleted"
same "names" "$(names)" "c1 c2"
same "none to delete" "$(pullback checkpoint-delete web c2 --children-only)" \
  "Domain checkpoint c2 children deleted"
same "current" "$(pullback checkpoint-current web --name)" c2
refused "mutually exclusive" \
  pullback checkpoint-delete web c1 --children --children-only
refused "does not exist" pullback checkpoint-delete web c9 --children

# The name is free again, and the new one is another.
generation=$(info c2 Generation)
pullback checkpoint-delete web c2 >/dev/null
pullback checkpoint-create-as web c2 >/dev/null
[ "$(info c2 Generation)" != "$generation" ] || fail "the same generation again"

# A bitmap that QEMU will not let go: nothing of any disk and any checkpoint goes.
pullback checkpoint-create-as web c3 >/dev/null
"$qemu_img" create -q -f qcow2 "$tmp/target.qcow2" 64M
qmp blockdev-add "{\"driver\": \"qcow2\", \"node-name\": \"target\",
  \"file\": {\"driver\": \"file\", \"filename\": \"$tmp/target.qcow2\"}}" >/dev/null
guest_write /machine/peripheral/vdb/virtio-backend "write -P 1 0 8M"
qmp blockdev-backup '{"job-id": "busy", "device": "fmt-b", "target": "target",
  "sync": "incremental", "bitmap": "c2", "speed": 65536}' >/dev/null
refused "busy\|in use" pullback checkpoint-delete web c2
refused "busy\|in use" pullback checkpoint-delete web c1 --children
qmp block-job-cancel '{"device": "busy", "force": true}' >/dev/null
no_jobs ()
{
  [ "$(qmp query-block-jobs)" = "[]" ]
}
wait_for 10 no_jobs
qmp blockdev-del '{"node-name": "target"}' >/dev/null

# Metadata only: the bitmaps stay, and QEMU need not run.
pullback checkpoint-delete web c2 --children --metadata >/dev/null
same "names" "$(names)" c1
same "bitmaps" "$(bitmaps fmt-a)" "c1 c2 c3"
quit_qemu
expect_failure "domain 'web'" pullback checkpoint-delete web c1
pullback checkpoint-delete web c1 --metadata >/dev/null
same "names" "$(names 2>/dev/null)" ""
[ ! -e "$PULLBACK_HOME/state/domains/web/doomed" ] || fail "something is doomed"
