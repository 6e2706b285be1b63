#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# block-stream by others on a disk of which a backup runs: what was in a backing
# file gets into the image, where the guest writes meanwhile, and the backing file
# goes.  The point in time and the increments stay what they are.

. "$srcdir/tests/end-to-end/others.sh"

make_image ()
{
  "$qemu_img" create -q -f qcow2 "$tmp/$1.below" $disk_size
  qemu-io -f qcow2 -c "write -q -P 0x41 3M 8M" "$tmp/$1.below"
  "$qemu_img" create -q -f qcow2 -b "$tmp/$1.below" -F qcow2 "$tmp/$1.qcow2"
  truncate -s $disk_size "$tmp/$1.truth"
  qemu-io -f raw -c "write -q -P 0x41 3M 8M" "$tmp/$1.truth"
}

stream ()
{
  qmp block-stream '{"job-id": "theirs", "device": "fmt-a", "speed": 4194304}'
}
no_jobs_of_theirs () { ! qmp query-block-jobs | grep -q '"theirs"'; }

begin_incremental
if is_refused stream; then
  cat "$tmp/others.log"
else
  write vda 0x18 5M 64k
  reads_right
  wait_for 60 no_jobs_of_theirs
  ! qmp query-named-block-nodes | grep -q 'vda.below' ||
    fail "the backing file is still in use"
fi
write_on vda vdb
reads_right
end_right
increments_are_whole vda vdb
images_are_sound "$tmp/vda.qcow2"
