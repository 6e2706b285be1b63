#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk is unplugged while a backup of it runs: the backup shows it to its end,
# and is ended; the checkpoints say that the disk is not there any more.

. "$srcdir/tests/end-to-end/others.sh"

gone ()
{
  ! qmp query-block | grep -q '"qdev": "[^"]*vdb"'
}

begin_incremental
qmp device_del '{"id": "vdb"}' >/dev/null
wait_for 20 gone
write_on vda
reads_right
end_right
broken "disk 'vdb': the domain has no such disk any more" vda
images_are_sound "$tmp/vda.qcow2"
