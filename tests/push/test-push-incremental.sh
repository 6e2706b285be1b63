#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Incremental pushes since two different checkpoints: each is thin, and rebased
# on the full copy of its base it is the disk at the cut; what the guest writes
# while the job runs is in the bitmaps of all checkpoints, the base's too.

. "$srcdir/tests/push/functions.sh"

# dirty NODE BITMAP: bytes.
dirty ()
{
  qmp query-named-block-nodes | /usr/bin/python3 -c '
import json, sys
for node in json.load(sys.stdin):
    if node["node-name"] == sys.argv[1]:
        for b in node.get("dirty-bitmaps", []):
            if b.get("name") == sys.argv[2]:
                print(b["count"], b["recording"], b["busy"])' "$@"
}

# push NAME BASE: of both disks, to $tmp/DISK.NAME.qcow2, with a checkpoint NAME.
push ()
{
  local options=(--checkpoint "$1")

  [ -z "$2" ] || options+=(--incremental "$2")
  pullback backup-begin web --push "${options[@]}" \
    --target "vda=$tmp/vda.$1.qcow2" --target "vdb=$tmp/vdb.$1.qcow2" >"$tmp/begin.out"
}

# rebased NAME BASE: the increment on the base is what the disks were.
rebased ()
{
  local disk

  for disk in vda vdb; do
    "$qemu_img" rebase -u -b "$tmp/$disk.$2.qcow2" -F qcow2 "$tmp/$disk.$1.qcow2"
    compare_raw "$tmp/$disk.$1.qcow2" "$tmp/$disk.$1"
  done
}

start_domain 3000000
for disk in vda vdb; do
  disk_write $disk 0x11 0 4M
  disk_write $disk 0x12 40M 1M
done
truth_at monday
push monday ""
wait_state completed
rebased_full () { compare_raw "$tmp/$1.monday.qcow2" "$tmp/$1.monday"; }
rebased_full vda
rebased_full vdb

# Overwritten, zeroed, new, and the short last cluster.
disk_write vda 0x21 1M 128k
disk_write vda 0 2M 64k
disk_write vda 0x22 64M 512
disk_write vdb 0x23 20M 256k
truth_at tuesday
push tuesday monday
wait_state completed
same "clusters of the increment" "$(data_ranges "$tmp/vda.tuesday.qcow2")" \
  "1048576+131072 2097152+65536 67108864+512"
same "clusters of the increment" "$(data_ranges "$tmp/vdb.tuesday.qcow2")" \
  "20971520+262144"
rebased tuesday monday
same "bitmaps" "$(bitmaps fmt-a) $(bitmaps fmt-b)" "monday tuesday monday tuesday"
same "since tuesday" "$(dirty fmt-a tuesday)" "0 True False"

disk_write vda 0x31 8M 8M
truth_at wednesday
push wednesday monday
wait_state completed
rebased wednesday monday

# Writes while the job runs, 8 MiB at 3 MB/s, from a base whose bitmap it uses.
# Of one disk: where the job of another ends QEMU lets go of the brake.
cp --sparse=always "$tmp/vda.truth" "$tmp/vda.during"
pullback backup-begin web --push --incremental monday \
  --target "vda=$tmp/vda.during.qcow2" >/dev/null
backup_is running || fail "it was over before the guest writes"
disk_write vda 0x41 9M 64k
disk_write vda 0x42 30M 64k
wait_state completed
disk_write vdb 0x43 31M 64k
"$qemu_img" rebase -u -b "$tmp/vda.monday.qcow2" -F qcow2 "$tmp/vda.during.qcow2"
compare_raw "$tmp/vda.during.qcow2" "$tmp/vda.during"
same "since wednesday" "$(dirty fmt-a wednesday)" "131072 True False"
same "since tuesday" "$(dirty fmt-a tuesday)" "$((8 * 1048576 + 65536)) True False"
same "since monday" "$(dirty fmt-a monday)" \
  "$((131072 + 65536 + 65536 + 8 * 1048576 + 65536)) True False"
same "since monday" "$(dirty fmt-b monday)" "$((262144 + 65536)) True False"

# From the nearer one, on the increment that it belongs to.
truth_at thursday
push thursday wednesday
wait_state completed
same "clusters of the increment" "$(data_ranges "$tmp/vda.thursday.qcow2")" \
  "9437184+65536 31457280+65536"
rebased thursday wednesday
pullback backup-end web >/dev/null
nothing_left

# A bitmap that cannot be trusted: that disk in full, and the reason is said.
qmp block-dirty-bitmap-disable '{"node": "fmt-b", "name": "thursday"}' >/dev/null
disk_write vda 0x51 5M 64k
disk_write vdb 0x51 5M 64k
truth_at friday
push friday thursday
grep -q "vdb is a full backup: no increment since 'thursday'" "$tmp/begin.out" ||
  { cat "$tmp/begin.out"; fail "the fallback is not said"; }
wait_state completed
same "clusters of the increment" "$(data_ranges "$tmp/vda.friday.qcow2")" \
  "5242880+65536"
compare_raw "$tmp/vdb.friday.qcow2" "$tmp/vdb.friday"

# A raw image cannot say what it leaves out.
expect_failure "format 'raw' cannot tell what changed since 'friday'" \
  pullback backup-begin web --push --incremental friday --format raw \
  --target "vda=$tmp/vda.raw"
[ ! -e "$tmp/vda.raw" ] || fail "a file is left"
qemu_alive
