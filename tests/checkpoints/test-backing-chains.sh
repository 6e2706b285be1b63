#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# External snapshots and block commits outside a backup: a checkpoint is carried
# over by libvirt's rules, or broken with the reason, and its changes are those
# that the guest has made.

. "$srcdir/tests/checkpoints/functions.sh"

# changes CHECKPOINT: of vda, in bytes; empty if they are not known.
changes ()
{
  pullback checkpoint-dumpxml web "$1" --size >"$tmp/dump.xml"
  xmllint --xpath "string(//disk[@name='vda']/@size)" "$tmp/dump.xml"
}

# add_overlay NAME BELOW: an image on the one named, as a node.
add_overlay ()
{
  "$qemu_img" create -q -f qcow2 -b "$tmp/$2.qcow2" -F qcow2 "$tmp/$1.qcow2"
  qmp blockdev-add "{\"driver\": \"qcow2\", \"node-name\": \"fmt-$1\",
    \"backing\": null, \"discard\": \"unmap\",
    \"file\": {\"driver\": \"file\", \"filename\": \"$tmp/$1.qcow2\"}}" >/dev/null
}

# snapshot NODE OVERLAY [BITMAP...]: those are made in the overlay as libvirt does.
snapshot ()
{
  local actions bitmap
  actions="{\"type\": \"blockdev-snapshot\",
    \"data\": {\"node\": \"$1\", \"overlay\": \"$2\"}}"
  for bitmap in "${@:3}"; do
    actions+=", {\"type\": \"block-dirty-bitmap-add\", \"data\":
      {\"node\": \"$2\", \"name\": \"$bitmap\", \"persistent\": true}}"
  done
  qmp transaction "{\"actions\": [$actions]}" >/dev/null
}

job_ready ()
{
  qmp query-block-jobs | grep -q '"ready": true'
}

no_jobs ()
{
  [ "$(qmp query-block-jobs)" = "[]" ]
}

# commit TOP: into the image below it, as the active layer.
commit_active ()
{
  qmp block-commit "{\"job-id\": \"commit\", \"device\": \"$1\"}" >/dev/null
  wait_for 10 job_ready
  qmp block-job-complete '{"device": "commit"}' >/dev/null
  wait_for 10 no_jobs
}

vda=/machine/peripheral/vda/virtio-backend
start_domain
pullback checkpoint-create-as web kept --diskspec vda >/dev/null
pullback checkpoint-create-as web lost --diskspec vda >/dev/null
guest_write $vda "write -P 1 0 64k"

# A snapshot by libvirt's rules for one of them, and by nobody's for the other.
add_overlay c a
snapshot fmt-a fmt-c kept
guest_write $vda "write -P 2 1M 64k"
same "state" "$(info kept State)" usable
same "carried over, with what was before the snapshot" "$(changes kept)" 131072
info lost State | grep -q "broken: disk 'vda': its bitmap is in a backing image only" ||
  fail "not said: $(info lost State)"
pullback domain-info web |
  grep -q "checkpoint 'kept' was carried over to node 'fmt-c'" ||
  fail "not said: $(pullback domain-info web)"
same "said once" "$(grep -c "'kept' was carried over" "$tmp/pullbackd.log")" 1

# A backup's increment has both, and the broken one is no base.
pullback backup-begin web --disk vda --incremental kept >/dev/null
uri="nbd+unix:///vda?socket=$PULLBACK_HOME/run/web/nbd.sock"
same "map" "$(nbdinfo --map=pullback:since:kept "$uri" | awk '$3 == 1 {print $1, $2}' | xargs)" \
  "0 65536 1048576 65536"
! nbdinfo "$uri" | grep -q "since:lost" || fail "a broken base is offered"
pullback backup-end web >/dev/null
pullback backup-begin web --disk vda --incremental lost --json >"$tmp/begin"
grep -q '"fallback": *"no increment' "$tmp/begin" || fail "no fallback: $(cat "$tmp/begin")"
pullback backup-end web >/dev/null

# Lost state: the same comes of an import.
pullback checkpoint-delete web kept --metadata >/dev/null
same "import" "$(pullback checkpoint-import web)" "Domain checkpoint kept imported"
same "changes" "$(changes kept)" 131072

# Its name is not free while the image below has its bitmap.
pullback checkpoint-delete web lost >/dev/null
refused "backing image of disk 'vda' has a bitmap 'lost' already" \
  pullback checkpoint-create-as web lost
document lost | sed "s/'vdb' checkpoint='bitmap' bitmap='lost'/'vdb' checkpoint='no'/" |
  redefine >/dev/null
refused "in a backing image only" redefine --redefine-validate \
  <<<"$(cat "$tmp/redefined.xml")"

# Made on the overlay, where the image below knows nothing of it; then a second
# overlay, and the commit of the one in the middle.
pullback checkpoint-create-as web later --diskspec vda >/dev/null
add_overlay d c
snapshot fmt-c fmt-d kept later
guest_write $vda "write -P 3 2M 64k"
same "through two snapshots" "$(changes kept)" 196608
same "through one" "$(changes later)" 65536

# Committed all the way down: the bitmaps of the lowest image have recorded what
# the commit wrote, those that it does not have are lost.
commit_active fmt-d
same "top" "$(qmp query-block | grep -o 'fmt-[a-d]' | sort -u | xargs)" "fmt-a fmt-b"
same "state" "$(info kept State)" usable
[ "$(changes kept)" -ge 196608 ] || fail "changes are missing: $(changes kept)"
info later State | grep -q "broken: disk 'vda': its bitmap is missing" ||
  fail "not said: $(info later State)"
same "state" "$(info lost State)" usable
[ "$(changes lost)" -ge 196608 ] || fail "changes are missing: $(changes lost)"

for node in fmt-d fmt-c; do
  qmp blockdev-del "{\"node-name\": \"$node\"}" >/dev/null
done

# A snapshot by the rules, but before anybody looked the image below left the
# chain, and its bitmap with it: what is on top looks whole and is not.
pullback checkpoint-create-as web moved --diskspec vda >/dev/null
guest_write $vda "write -P 4 3M 64k"
add_overlay h a
snapshot fmt-a fmt-h moved
qmp block-stream '{"job-id": "stream", "device": "fmt-h"}' >/dev/null
wait_for 10 no_jobs
info moved State | grep -q "broken: disk 'vda': the image on top is none of those" ||
  fail "not said: $(info moved State)"
pullback backup-begin web --disk vda --incremental moved --json >"$tmp/begin"
grep -q '"fallback": *"no increment' "$tmp/begin" || fail "no fallback: $(cat "$tmp/begin")"
pullback backup-end web >/dev/null
# Its document alone does not make it right; a word that it was looked at does.
pullback checkpoint-dumpxml web moved >"$tmp/moved.xml"
! grep -q "image" "$tmp/moved.xml" || fail "images in libvirt's document"
redefine <"$tmp/moved.xml" >/dev/null
info moved State | grep -q "broken" || fail "right without a look"
redefine --redefine-validate <"$tmp/moved.xml" >/dev/null
same "state" "$(info moved State)" usable
for name in moved kept lost; do
  pullback checkpoint-delete web $name >/dev/null
done
qmp blockdev-del '{"node-name": "fmt-a"}' >/dev/null
pullback checkpoint-create-as web kept --diskspec vda >/dev/null

# In the image on top and in the lowest, but not in the one between them.
pullback checkpoint-delete web later >/dev/null
add_overlay e h
snapshot fmt-h fmt-e
add_overlay f e
snapshot fmt-e fmt-f kept
info kept State | grep -q "missing in an image in the middle" ||
  fail "not said: $(info kept State)"
same "changes" "$(changes kept)" ""
# Below the image on top one that does not record.
pullback checkpoint-create-as web frozen --diskspec vda >/dev/null
add_overlay g f
qmp block-dirty-bitmap-disable '{"node": "fmt-f", "name": "frozen"}' >/dev/null
snapshot fmt-f fmt-g frozen
info frozen State | grep -q "in a backing image is not recording" ||
  fail "not said: $(info frozen State)"
qemu_alive
