#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A block job by others on a disk of which a backup runs: QEMU refuses it, at the
# image and at the node that the guest uses.

. "$srcdir/tests/end-to-end/others.sh"

begin_incremental
"$qemu_img" create -q -f qcow2 "$tmp/mirror.qcow2" $disk_size
qmp blockdev-add "{\"driver\": \"qcow2\", \"node-name\": \"mirror\",
  \"file\": {\"driver\": \"file\", \"filename\": \"$tmp/mirror.qcow2\"}}" >/dev/null
for job in 'blockdev-mirror "target":"mirror","sync":"full"' block-commit; do
  arguments=${job#* }
  [ "$arguments" != "$job" ] || arguments='"speed":0'
  is_refused qmp "${job%% *}" "{\"job-id\": \"theirs\", \"device\": \"fmt-a\",
    $arguments}" || fail "QEMU has begun ${job%% *}"
done
write_on vda vdb
reads_right
end_right
increments_are_whole vda vdb
images_are_sound "$tmp/vda.qcow2"
