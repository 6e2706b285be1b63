#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk is to get another size while a backup of it runs: QEMU refuses it, but at
# the filter, by which some versions grow the image: the backup keeps its size.

. "$srcdir/tests/end-to-end/others.sh"

begin_incremental
# resize NODE
resize ()
{
  qmp block_resize "{\"node-name\": \"$1\", \"size\": 33554432}"
}

is_refused resize fmt-a || fail "QEMU has resized the image"
is_refused resize "$(used_node)" || truncate -s 33554432 "$tmp/vda.truth"
write_on vda vdb
reads_right
end_right
increments_are_whole vda vdb
images_are_sound "$tmp/vda.qcow2"
